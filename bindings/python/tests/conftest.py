"""What the tests share: where the project is, and that they run on the installed package."""

from __future__ import annotations

import pathlib

import pytest

import walras

ROOT = pathlib.Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "bindings" / "python"


@pytest.fixture(scope="session", autouse=True)
def installed() -> None:
    """The package under test is the wheel's, not the checkout's."""
    assert PACKAGE not in pathlib.Path(walras.__file__).parents, f"{walras.__file__} is not installed from a wheel"
