"""A process that is measured: started on a core of its own, known to be ready, its CPU and memory read from the kernel.

Standard library only.
"""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_READY_TIMEOUT = 60.0
ROOT = Path(__file__).parent.parent
_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def share_cores() -> tuple[set[int], set[int]]:
    """Divide the cores: one for whom is measured, the others for the load."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return set(cores), set(cores)
    return {cores[0]}, set(cores[1:])


def settle(cores: set[int]) -> None:
    """Stay on these cores; and go before others on them, where the kernel allows that, so that they disturb less."""
    os.sched_setaffinity(0, cores)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)


def allow_sockets() -> None:
    """Open as many files as the kernel lets us; whom we start may, too."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _begin(cores: set[int]) -> None:
    """What a process does before it becomes who is measured: it dies with us, whatever we die of."""
    settle(cores)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Measured:
    """A running process."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, *, cores: set[int]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.set_inheritable(True)
        self.port: int = self.listener.getsockname()[1]
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify = folder / "notify"
        notify.unlink(missing_ok=True)
        self._notify.bind(str(notify))
        self._notify.settimeout(0.05)
        told = {"NOTIFY_SOCKET": str(notify), "BENCH_FD": str(self.listener.fileno()), "BENCH_PORT": str(self.port)}
        self.log = folder / "log"
        self.began = time.perf_counter()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [part.replace("{fd}", str(self.listener.fileno())) for part in command],
                cwd=ROOT,
                env={**os.environ, **environment, **told},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[self.listener.fileno()],
                preexec_fn=lambda: _begin(cores),
                start_new_session=True,  # Ctrl-C is ours
            )
        self.pid = self._process.pid
        try:
            self.ready_after = self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> float:
        """Wait until it says READY; gives the seconds since its start."""
        while time.perf_counter() < self.began + _READY_TIMEOUT:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in self._notify.recv(4096):
                    return time.perf_counter() - self.began
            if self._process.poll() is not None:
                break
        raise RuntimeError(f"not ready: {self.log.read_text()[-2000:]}")

    def cpu(self) -> float:
        """CPU seconds so far, of all its threads, those that have ended included."""
        # clock_getcpuclockid(3) of another process, by the kernel's numbering.
        return time.clock_gettime_ns((~self.pid << 3) | 2) / 1e9

    def threads(self) -> dict[str, float]:
        """CPU seconds so far by thread: the main one, and the others together."""
        spent = {"main": 0.0, "others": 0.0}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                nanoseconds = int((task / "schedstat").read_text().split()[0])
                spent["main" if int(task.name) == self.pid else "others"] += nanoseconds / 1e9
        return spent

    def rss(self) -> int:
        """Bytes of memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self) -> None:
        """Ask it to end, and wait until it has."""
        self.signal(signal.SIGTERM)
        if not self.wait(15):
            self.close()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)
        return not self.alive()

    def close(self) -> None:
        """End it, at once: nobody wants anything of it any more."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=10)
        self.listener.close()
        self._notify.close()


def own_cpu() -> float:
    """CPU seconds of this process so far."""
    return time.process_time()
