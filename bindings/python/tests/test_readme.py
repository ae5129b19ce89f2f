"""The examples of the package's README, run as written."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from conftest import PACKAGE

BLOCKS = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), flags=re.DOTALL)


def test_the_readme_has_its_examples():
    assert len(BLOCKS) == 2


@pytest.mark.parametrize("block", BLOCKS, ids=["five_minutes", "server"])
def test_an_example_runs_as_written(block, tmp_path):
    path = tmp_path / "example.py"
    path.write_text(block)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout and not done.stderr
