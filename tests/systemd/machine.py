"""A machine with a real systemd: a Debian tree, booted in systemd-nspawn, entered with nsenter.

Works where PID 1 is something else. It has a network of its own, which is its loopback; `network` lets the test's
thread into it, so that sandbox and callers are on that loopback too. However a test ends, the machine is ended by the
id of its own first process.
"""

import ctypes
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trio

_BOOT_TIMEOUT = 90.0
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Machine:
    """A booted one."""

    def __init__(self, root: Path, leader: int) -> None:
        self.root = root
        """Its files, as seen from here."""
        self.suite = ""
        self.systemd = 0
        """The version of its systemd."""
        self.installing = ""
        """What the installation has said."""
        self._leader = leader

    def install(self, package: Path) -> None:
        """Install a package of ours, or another version of it."""
        (self.root / "root").mkdir(exist_ok=True)
        shutil.copy(package, self.root / "root" / package.name)
        self.installing = self.run(f"dpkg --install /root/{package.name}", timeout=300)

    async def upgrade(self, package: Path) -> None:
        """Install another version of it while we, and the platform with us, go on."""
        shutil.copy(package, self.root / "root" / package.name)
        self.installing = await self.must(f"dpkg --install /root/{package.name}", timeout=300)

    def _entering(self, command: str) -> list[str]:
        enter = ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        return [*enter, "/bin/sh", "-c", command]

    def run(self, command: str, *, check: bool = True, timeout: float = 120.0) -> str:
        """Run a line of shell in there; gives what it printed. Blocks, so nobody on our loop can answer it."""
        done = subprocess.run(
            self._entering(command), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return (done.stdout + done.stderr).strip()

    async def do(self, command: str, *, timeout: float = 60.0) -> tuple[int, str]:
        """Run a line of shell in there, while we go on; gives its exit code and what it printed."""
        with trio.fail_after(timeout):
            done = await trio.run_process(
                self._entering(command), check=False, capture_stdout=True, stderr=subprocess.STDOUT
            )
        return done.returncode, done.stdout.decode().strip()

    async def must(self, command: str, *, timeout: float = 60.0) -> str:
        """Run a line of shell that has to work."""
        code, said = await self.do(command, timeout=timeout)
        assert code == 0, f"{command}: {said}"
        return said

    async def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return await self.must(f"systemctl show --property={name} --value {unit}")

    async def until(self, unit: str, name: str, wanted: str, seconds: float = 20.0) -> None:
        """Wait until a property matches."""
        found = ""
        for _ in range(int(10 * seconds)):
            if re.search(wanted, found := await self.show(unit, name)):
                return
            await trio.sleep(0.1)
        raise AssertionError(f"{name} of {unit} is {found!r}, not {wanted!r}: {self.log(unit)[-3000:]}")

    def log(self, unit: str = "callwarden") -> str:
        """The journal of a unit."""
        return self.run(f"journalctl --no-pager --output=cat --unit={unit}")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file in there."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def drop_in(self, unit: str, text: str) -> None:
        """Change a unit, until the machine is tidied up."""
        # Not by `write`: /run is a file system of its own in there.
        folder = f"/run/systemd/system/{unit}.d"
        self.run(f"mkdir -p {folder} && printf %s {shlex.quote(text)} > {folder}/test.conf && systemctl daemon-reload")

    def tidy(self) -> None:
        """Stop everything of ours at once, and forget what tests have changed and what was written down."""
        units = "callwarden.service callwarden.socket callwarden-control.socket 'callwarden@*' 'callwarden-control@*'"
        self.run(
            "systemctl kill --signal=KILL callwarden.service 'callwarden@*.service'; "
            f"systemctl stop {units}; rm -rf /run/systemd/system/callwarden*; systemctl daemon-reload; "
            f"systemctl reset-failed {units}; rm -rf /var/lib/private/callwarden /var/lib/callwarden; "
            "rm -rf /etc/callwarden/credentials/* /etc/callwarden/credentials.encrypted; "
            "journalctl --quiet --rotate --vacuum-time=1s",
            check=False,
        )

    @contextmanager
    def network(self) -> Iterator[None]:
        """Have this thread in the machine's network while the block lasts."""
        ours = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        theirs = os.open(f"/proc/{self._leader}/ns/net", os.O_RDONLY)
        try:
            _enter_network(theirs)
            yield
        finally:
            _enter_network(ours)
            os.close(ours)
            os.close(theirs)


def _enter_network(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextmanager
def booted(tree: Path, folder: Path) -> Iterator[Machine]:
    """Boot a copy of a tree, and end it, whatever happens."""
    with _copy(tree, folder) as root:
        command = ["systemd-nspawn", "--quiet", "-D", str(root), "--register=no", "--keep-unit", "--private-network"]
        command += ["--link-journal=no", "--console=pipe", "-M", f"cw-{os.getpid()}", "-b"]
        with (folder / "console").open("wb") as console:
            # From systemd 258 on there is nothing but the unified hierarchy; 257 and 252 take it too.
            spawn = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        leader = 0
        try:
            leader = _find_leader(spawn)
            machine = Machine(root, leader)
            _wait_for_boot(machine, folder / "console")
            yield machine
        finally:
            _end(spawn, leader)


@contextmanager
def _copy(tree: Path, folder: Path) -> Iterator[Path]:
    """A tree to write into: an overlay where there is such a thing, else a real copy."""
    root, upper, work = folder / "root", folder / "upper", folder / "work"
    for each in (root, upper, work):
        each.mkdir(parents=True)
    options = f"lowerdir={tree},upperdir={upper},workdir={work}"
    mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], capture_output=True)
    try:
        if mounted.returncode:
            subprocess.run(["cp", "-a", f"{tree}/.", root], check=True)
        yield root
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", root], check=True)
        for each in (root, upper, work):
            shutil.rmtree(each, ignore_errors=True)


def _find_leader(spawn: subprocess.Popen[bytes]) -> int:
    """The machine's first process: the child of nspawn that is in a world of its own."""
    children = Path(f"/proc/{spawn.pid}/task/{spawn.pid}/children")
    for _ in range(200):
        assert spawn.poll() is None, "systemd-nspawn has ended; see the console"
        for child in children.read_text().split():
            with suppress(OSError):
                if Path(f"/proc/{child}/ns/pid").readlink() != Path("/proc/self/ns/pid").readlink():
                    return int(child)
        time.sleep(0.05)
    raise AssertionError("systemd-nspawn has no child")


def _wait_for_boot(machine: Machine, console: Path) -> None:
    give_up_at = time.monotonic() + _BOOT_TIMEOUT
    state = ""
    while state not in {"running", "degraded"}:
        assert time.monotonic() < give_up_at, f"not booted, {state}: {console.read_text()[-2000:]}"
        time.sleep(0.2)
        with suppress(subprocess.TimeoutExpired):
            state = machine.run("systemctl is-system-running", check=False, timeout=10).splitlines()[-1:][0]


def _end(spawn: subprocess.Popen[bytes], leader: int) -> None:
    """End the machine by its own first process; with that, the kernel ends everything in it."""
    if leader and spawn.poll() is None:
        with suppress(ProcessLookupError):
            os.kill(leader, signal.SIGKILL)
    try:
        spawn.wait(20)
    except subprocess.TimeoutExpired:
        spawn.kill()
        spawn.wait(20)
