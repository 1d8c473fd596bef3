"""Debian trees with a systemd of their own, and packages of ours that fit them: built once, kept, never written to.

They are kept in `$CALLWARDEN_TREES`, by default below the user's cache; a tree takes about a minute and 250 MB.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
"""The suites, and the version of Python in each."""
_INSIDE = "systemd,systemd-sysv,dbus,python3,procps,ca-certificates"
_TOOLS = ("systemd-nspawn", "nsenter", "dpkg-deb")


def why_not(suite: str) -> str:
    """Why no machine of that suite can be booted here; empty if one can."""
    if os.geteuid() != 0:
        return "booting a systemd takes root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (apt-get install systemd-container dpkg-dev)"
    if not _place(suite).exists() and shutil.which("mmdebstrap") is None:
        return "not installed: mmdebstrap"
    if not python_for(suite):
        return f"there is no python{PYTHONS[suite]} here to build a package for {suite} with"
    return ""


def python_for(suite: str) -> str:
    """An interpreter of the version that a suite has; empty if there is none."""
    version = PYTHONS[suite]
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    # pyenv's shims look like an interpreter even where none of the version is chosen.
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for place in (shutil.which(f"python{version}"), f"/usr/bin/python{version}", *map(str, pyenv)):
        if place and Path(place).exists() and _works(place):
            return place
    return ""


def _works(python: str) -> bool:
    return subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0


def tree(suite: str) -> Path:
    """The tree of a suite; built if it is not there. Errors: `RuntimeError` if it can't be."""
    place = _place(suite)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = place.with_name(f"{suite}.{os.getpid()}")
        build = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_INSIDE}", suite, str(unfinished)]
        built = subprocess.run(build, capture_output=True, text=True, timeout=600)
        if built.returncode:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise RuntimeError(f"mmdebstrap {suite}: {built.stderr[-500:]}")
        unfinished.rename(place)
    return place


def package(suite: str, folder: Path, revision: int = 1) -> Path:
    """Build our package for a suite, unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for found in folder.glob(f"callwarden_*-{revision}+*.deb"):
        return found
    settings = {"PYTHON": python_for(suite), "OUT": str(folder), "REVISION": str(revision)}
    built = subprocess.run(
        [ROOT / "packaging" / "deb"], env={**os.environ, **settings}, capture_output=True, text=True, timeout=600
    )
    assert built.returncode == 0, built.stderr[-2000:]
    (found,) = folder.glob(f"callwarden_*-{revision}+*.deb")
    return found


def _place(suite: str) -> Path:
    named = os.environ.get("CALLWARDEN_TREES")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(named) if named else cache / "callwarden" / "trees") / suite
