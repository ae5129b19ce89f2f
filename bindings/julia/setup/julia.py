#!/usr/bin/env python3
"""Finds a Julia of at least 1.5, or sets one up below a folder, and prints the path of its executable.

    setup/julia.py FOLDER

Looks at $JULIA, then at `julia` on PATH. Where neither is new enough, Debian's own Julia 1.5.3 is unpacked into
FOLDER/debian: later releases of Debian no longer package it, but the mirrors still carry `bullseye`. Nothing on the
system changes and no privileges are needed: apt works on a state of its own (signatures are checked), packages are
unpacked and never installed, and the executable finds its libraries by paths relative to itself.

FOLDER/depot becomes a depot for JULIA_DEPOT_PATH in which Pkg works without a network. Julia 1.5's Pkg calls curl or wget
even where it loads nothing; this sees to one of them too.
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

VERSION_MIN = (1, 5)
SUITE = "bullseye"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Where a mirror of the machine no longer has the suite.
PUBLIC_MIRRORS = ["http://deb.debian.org/debian", "http://archive.debian.org/debian"]
# The C and C++ runtimes and the programs that maintain a system stay the machine's own.
LEFT_OUT = re.compile(r"(libc6|libcrypt1|libgcc-s1|libstdc\+\+6|gcc-.*-base|debconf|dpkg|perl-base|tar)_")

APT_CONFIGURATION = """
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
APT::Get::Download-Only "true";
APT::Install-Recommends "false";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Cache "{work}/cache";
Dir::State "{work}/state";
Dir::State::status "{work}/state/status";
Dir::Etc::sourcelist "{work}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
"""

# A depot without any registry makes Pkg clone the public one, which a test without a network cannot.
EMPTY_REGISTRY = """name = "Empty"
uuid = "3f0a7a52-5a1c-4d0e-9a57-0d7c2b8f6e10"
repo = ""

[packages]
"""


def fail(message: str) -> None:
    sys.exit(f"setup of Julia: {message}")


def say(message: str) -> None:
    print(f"setup of Julia: {message}", file=sys.stderr)


def version(executable: str | pathlib.Path) -> tuple[int, ...] | None:
    """The version of a Julia that runs, None of anything else."""
    try:
        done = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in found.groups()) if found else None


def works(executable: str | pathlib.Path | None) -> bool:
    found = version(executable) if executable else None
    return found is not None and found[:2] >= VERSION_MIN


def mirrors() -> list[str]:
    """The Debian mirrors of this machine, then the public ones."""
    found = []
    try:
        command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian"]
        found += subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    except OSError:
        fail("there is no apt-get here: install Julia 1.5 or later, and put it on PATH or name it in JULIA")
    folder = pathlib.Path("/etc/apt")
    for file in [folder / "sources.list", *sorted(folder.glob("sources.list.d/*"))]:
        if file.is_file():
            lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
            found += re.findall(r"\b(?:https?|ftp|mirror\+\w+|file):/\S+", "\n".join(lines))
    debian = [uri.rstrip("/") for uri in found if re.search(r"/debian/?$", uri)]
    return list(dict.fromkeys(debian + PUBLIC_MIRRORS))


def download(work: pathlib.Path) -> list[pathlib.Path]:
    """Julia and all that it needs, as packages."""
    for folder in ["state/lists/partial", "cache/archives/partial"]:
        (work / folder).mkdir(parents=True)
    (work / "state/status").touch()
    (work / "apt.conf").write_text(APT_CONFIGURATION.format(work=work))
    errors = ""
    for mirror in mirrors():
        say(f"downloading from {mirror}, {SUITE}")
        (work / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {SUITE} main\n")
        steps = [["update"], ["install", "julia", "patchelf"]]
        for step in steps:
            command = ["apt-get", "-qq", "-c", work / "apt.conf", *step]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
            if done.returncode != 0:
                errors += f"{mirror}: {done.stderr}"
                break
        else:
            return sorted((work / "cache/archives").glob("*.deb"))
    fail(f"no mirror served {SUITE}:\n{errors}")


def relocate(folder: pathlib.Path) -> None:
    """Makes the unpacked executable find its libraries wherever `folder` lies, and no child process inherit a path.

    A library's own run path would hide the executable's from what that library needs, so it goes. And libgcc_s is
    loaded first: Debian's libunwind exports functions of the same names, and a Rust panic or C++ exception that finds
    those aborts the process even where it is caught.
    """
    patchelf = folder / "usr/bin/patchelf"
    julia = folder / "usr/bin/julia"
    for top in ["usr/lib", "lib"]:
        for library in (folder / top).rglob("*.so*"):
            if library.is_file() and not library.is_symlink():
                subprocess.run([patchelf, "--remove-rpath", library], check=True, capture_output=True)
    [core] = (folder / "usr/lib").glob("*/libjulia.so.1")
    triple = f"lib/{core.parent.name}"
    paths = [f"$ORIGIN/../{triple}", f"$ORIGIN/../{triple}/julia", f"$ORIGIN/../../{triple}"]
    # In two steps: patchelf 0.12 writes a broken executable when asked for both at once.
    subprocess.run([patchelf, "--force-rpath", "--set-rpath", ":".join(paths), julia], check=True)
    subprocess.run([patchelf, "--add-needed", "libgcc_s.so.1", julia], check=True)


def unpack(prefix: pathlib.Path) -> None:
    fresh = prefix.with_name(prefix.name + ".fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        for package in download(work):
            if not LEFT_OUT.match(package.name):
                subprocess.run(["dpkg-deb", "-x", package, fresh], check=True)
    relocate(fresh)
    if not works(fresh / "usr/bin/julia"):
        fail("the unpacked Julia does not run")
    shutil.rmtree(prefix, ignore_errors=True)
    fresh.rename(prefix)


def need_download_tool() -> None:
    if shutil.which("curl") or shutil.which("wget"):
        return
    if os.geteuid() != 0:
        fail("Julia's Pkg wants curl or wget on PATH: install one")
    say("Julia's Pkg wants curl or wget: installing curl")
    for step in [["update"], ["install", "--yes", "--no-install-recommends", "curl"]]:
        subprocess.run(["apt-get", "-qq", *step], check=True, stdout=sys.stderr)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    need_download_tool()
    folder = pathlib.Path(sys.argv[1]).resolve()
    registry = folder / "depot/registries/Empty/Registry.toml"
    registry.parent.mkdir(parents=True, exist_ok=True)
    registry.write_text(EMPTY_REGISTRY)
    for known in [os.environ.get("JULIA"), shutil.which("julia")]:
        if works(known):
            print(shutil.which(known))
            return
    prefix = folder / "debian"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not works(prefix / "usr/bin/julia"):
            unpack(prefix)
    print(prefix / "usr/bin/julia")


if __name__ == "__main__":
    main()
