"""Where signing secrets go: a file of mode 0600, or one that systemd-creds has encrypted for this machine.

Whether a place can take a secret is tried before the secret exists, because the platform shows it once. Owned by
`registration.py`; imports Trio, config, errors and this room's modules. Must never put a secret into an argument, an
environment or a message.
"""

import shutil
import subprocess
from pathlib import Path

import trio

from daemon.config import Secret
from daemon.errors import SetupStopped
from daemon.numbers.files import write_private
from daemon.numbers.record import SecretPlace

_TIMEOUT = 60.0
_TRIAL = b"not a secret"


async def check_place(place: SecretPlace) -> None:
    """See that a secret could be kept here, and that none is. Errors: `SetupStopped`, with the fix."""
    path = Path(place.path)
    _check_free(path)
    _try(path.with_name(f"{path.name}.trial"), await _sealed(place, _TRIAL))


def _check_free(path: Path) -> None:
    if _taken(path):
        raise SetupStopped(f"{path} is there already, and no secret is written over another; name another file")


def _taken(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _try(path: Path, content: bytes) -> None:
    write_private(path, content)
    path.unlink()


def free_generation(place: SecretPlace) -> int:
    """The first generation whose place holds nothing: earlier registrations may have left their secrets."""
    return next(generation for generation in range(1, 10_000) if not _taken(Path(place.numbered(generation).path)))


async def keep_secret(place: SecretPlace, secret: Secret) -> None:
    """Put a secret where it belongs; safe to repeat. Cancelled, it is there whole or not at all."""
    write_private(Path(place.path), await _sealed(place, secret.reveal().encode() + b"\n"))


async def read_secret(place: SecretPlace) -> Secret | None:
    """Read a secret back; None if it is not there, or not to be had by whoever runs this."""
    try:
        content = await trio.Path(place.path).read_bytes()
        if place.encrypted:
            content = await _systemd_creds("decrypt", place, content)
    except (OSError, SetupStopped):
        return None
    return Secret(content.decode(errors="replace").strip())


async def _sealed(place: SecretPlace, content: bytes) -> bytes:
    return await _systemd_creds("encrypt", place, content) if place.encrypted else content


async def _systemd_creds(verb: str, place: SecretPlace, content: bytes) -> bytes:
    program = shutil.which("systemd-creds")
    if program is None:
        raise SetupStopped("systemd-creds is not installed here; use --secret-file instead")
    command = [program, verb, f"--name={place.credential}", "-", "-"]
    with trio.move_on_after(_TIMEOUT):
        done = await trio.run_process(command, stdin=content, capture_stdout=True, capture_stderr=True, check=False)
        if done.returncode == 0 and done.stdout:
            return done.stdout
        raise SetupStopped(f"systemd-creds {verb} failed ({_why(done)}); run as root, or use --secret-file instead")
    raise SetupStopped(f"systemd-creds {verb} did not end within {_TIMEOUT:g} s")


def _why(done: "subprocess.CompletedProcess[bytes]") -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else f"exit code {done.returncode}"
