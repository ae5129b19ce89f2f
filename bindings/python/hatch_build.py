"""Builds the C library with cargo and puts it into the wheel.

The wheel holds no compiled Python, so one serves every CPython on its platform: `py3-none-linux_x86_64`. The crate
lies two folders up in a checkout, and under `crate` in a source distribution. With `WALRAS_LIBRARY` set, that
library is taken as it is and cargo is not asked.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAMES = {"win32": "walras.dll", "darwin": "libwalras.dylib"}
LIBRARY = NAMES.get(sys.platform, "libwalras.so")


class LibraryHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the library, and names the platform in the wheel's tag."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        given = os.environ.get("WALRAS_LIBRARY")
        library = pathlib.Path(given) if given else build(crate(pathlib.Path(self.root)))
        if not library.is_file():
            raise FileNotFoundError(f"there is no library at {library}")
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["force_include"][str(library)] = f"walras/{LIBRARY}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"


def crate(root: pathlib.Path) -> pathlib.Path:
    """The folder of the Rust crate."""
    for folder in (root / "crate", root.parent.parent):
        if (folder / "Cargo.toml").is_file():
            return folder
    raise FileNotFoundError(
        f"no Rust crate at {root / 'crate'} or {root.parent.parent}: build from a checkout or a source distribution"
    )


def build(folder: pathlib.Path) -> pathlib.Path:
    """Builds the library, with link-time optimisation through the whole crate, and gives its path."""
    # `rustc --crate-type` and not `build`: only a single crate type is optimised at link time.
    command = ["cargo", "rustc", "--release", "--locked", "--lib", "--crate-type", "cdylib"]
    command += ["--message-format", "json-render-diagnostics"]
    try:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    except FileNotFoundError:
        raise RuntimeError("walras is built with cargo: install Rust 1.88 or later (https://rustup.rs)") from None
    made = [pathlib.Path(path) for line in done.stdout.splitlines() for path in artifacts(json.loads(line))]
    found = [path for path in made if path.suffix == pathlib.Path(LIBRARY).suffix]
    if not found:
        raise RuntimeError("cargo made no dynamic library")
    return found[-1]


def artifacts(message: dict[str, Any]) -> list[str]:
    """The files of the crate itself that one of cargo's messages tells of."""
    is_ours = message.get("reason") == "compiler-artifact" and message["target"]["name"] == "walras"
    return list(message["filenames"]) if is_ours else []
