#!/usr/bin/env python3
"""Tests the package from its wheel, as users install it: one wheel, and for each Python an environment made anew.

The Pythons are the one that runs this, and the oldest and the newest CPython on this machine that the package serves: those on
the path, and pyenv's. What runs on both ends of the range is taken to run between them.

    python bindings/python/run_tests.py FOLDER      # where the environments go
"""

from __future__ import annotations

import glob
import os
import pathlib
import re
import shutil
import subprocess
import sys

PACKAGE = pathlib.Path(__file__).resolve().parent
TESTS = PACKAGE / "tests"
PIP = ["-m", "pip", "--quiet", "--disable-pip-version-check"]


def main() -> None:
    folder = pathlib.Path(sys.argv[1]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    pythons = chosen()
    print("Python package, tested with", ", ".join(".".join(map(str, version)) for version in pythons), flush=True)
    wheel = None
    for version, python in pythons.items():
        environment = folder / ".".join(map(str, version))
        run(python, "-m", "venv", environment)
        inside = environment / "bin" / "python"
        run(inside, *PIP, "install", "-r", TESTS / "requirements.txt")
        if wheel is None:
            run(inside, *PIP, "wheel", "--no-deps", "--wheel-dir", folder, PACKAGE)
            (wheel,) = folder.glob("*.whl")
        run(inside, *PIP, "install", wheel)
        run(inside, "-m", "pytest", "-q", folder=TESTS)


def run(*command: object, folder: pathlib.Path | None = None) -> None:
    """Runs a command, and ends if it fails. The library is the wheel's, whatever the surroundings name."""
    surroundings = {name: value for name, value in os.environ.items() if name not in ("WALRAS_LIBRARY", "PYTHONPATH")}
    done = subprocess.run([str(part) for part in command], cwd=folder, env=surroundings)
    if done.returncode != 0:
        sys.exit(f"failed with {done.returncode}: {' '.join(map(str, command))}")


def chosen() -> dict[tuple[int, ...], str]:
    """This Python first, then the oldest and the newest of all."""
    found = {version: python for version, python in map(asked, candidates()) if version >= oldest_served()}
    this = asked(sys.executable)
    if this[0] < oldest_served():
        sys.exit(f"{sys.executable} is not a Python that the package serves, or lacks ctypes, ensurepip or venv")
    in_order = sorted(found.items())
    return dict([this, *in_order[:1], *in_order[-1:]])


def candidates() -> list[str]:
    """Programs that may be Pythons."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    folders += glob.glob(os.path.join(glob.escape(pyenv), "versions", "*", "bin"))
    programs = (program for folder in folders for program in glob.glob(os.path.join(glob.escape(folder), "python3.*")))
    return [program for program in programs if re.fullmatch(r"python3\.\d+", os.path.basename(program))]


def asked(python: str) -> tuple[tuple[int, ...], str]:
    """A program's version, if it is a whole CPython that can make environments; otherwise a version older than all."""
    code = "import ctypes, ensurepip, platform, sys, venv; print(platform.python_implementation(), *sys.version_info[:3])"
    try:
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return (), python
    implementation, *numbers = done.stdout.split() or [""]
    return (tuple(map(int, numbers)) if done.returncode == 0 and implementation == "CPython" else ()), python


def oldest_served() -> tuple[int, ...]:
    """From the package's own word."""
    served = re.search(r'^requires-python = ">=(\d+)\.(\d+)"$', (PACKAGE / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert served, "pyproject.toml says which Pythons are served"
    return tuple(map(int, served.groups()))


if __name__ == "__main__":
    main()
