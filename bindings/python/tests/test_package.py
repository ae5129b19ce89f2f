"""The package itself: its wheel, its types, its versions."""

from __future__ import annotations

import importlib.metadata
import pathlib
import re
import subprocess
import sys
import sysconfig
import tarfile

import pytest

import walras
from conftest import PACKAGE, ROOT
from walras import _library


def test_the_wheel_serves_every_python_of_this_platform():
    wheel = importlib.metadata.distribution("walras").read_text("WHEEL")
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert f"Tag: py3-none-{platform}\n" in wheel
    assert "Root-Is-Purelib: false" in wheel


def test_the_library_lies_in_the_package():
    folder = pathlib.Path(walras.__file__).parent
    assert _library.path().parent == folder
    assert (folder / "py.typed").is_file()


def test_there_is_one_version():
    crate = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), flags=re.MULTILINE)
    assert walras.__version__ == importlib.metadata.version("walras") == crate[1]


def test_nothing_else_is_needed():
    required = importlib.metadata.requires("walras") or []
    assert all("extra ==" in requirement for requirement in required)


def test_a_source_distribution_carries_the_crate(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path]
    subprocess.run(build, cwd=PACKAGE, check=True, capture_output=True, timeout=60)
    with tarfile.open(next(tmp_path.glob("walras-*.tar.gz"))) as archive:
        names = archive.getnames()
        # Older Pythons have no filters, and newer ones want one.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path)
    top = names[0].split("/")[0]
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*.rs")}
    assert sources and {f"{top}/crate/{source}" for source in sources} <= set(names)
    assert {f"{top}/hatch_build.py", f"{top}/src/walras/py.typed", f"{top}/crate/Cargo.lock"} <= set(names)
    # All that the manifest names is there: cargo reads it.
    crate = tmp_path / top / "crate"
    command = ["cargo", "metadata", "--no-deps", "--locked", "--offline", "--format-version", "1"]
    done = subprocess.run(command, cwd=crate, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("what", [["--package", "walras"], [str(PACKAGE / "tests" / "typed_use.py")]], ids=["package", "use"])
def test_types_are_checked_strictly(what):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10", "--cache-dir", "/dev/null", *what],
        cwd=PACKAGE / "tests", capture_output=True, text=True, timeout=300,
    )
    assert done.returncode == 0, done.stdout


def test_a_library_of_another_interface_is_refused():
    code = "import ctypes\nclass Version:\n  def __call__(self): return 0\nclass Old:\n  walras_abi_version = Version()\n" \
        "ctypes.CDLL = lambda path: Old()\nimport walras"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "has version 0 of the interface" in done.stderr, done.stderr


def test_a_missing_library_is_told(tmp_path):
    environment = {"WALRAS_LIBRARY": str(tmp_path / "nowhere.so")}
    done = subprocess.run([sys.executable, "-c", "import walras"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "nowhere.so" in done.stderr
