"""A real PostgreSQL for tests: started by them, on this machine, under an unprivileged user, and ended with them.

    with open_postgres() as server:
        server.url                    the URL of a database with nothing in it
        server.make_database("copy")  the URL of another one
        server.stop(); server.start() an outage

Where the binaries are missing the tests that need them are skipped, and in CI they fail.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

USER = "callwarden"
PASSWORD = "a password of the tests"
_READY_WITHIN = 30.0
_STOPPED_WITHIN = 30.0
_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "16MB",
    "autovacuum": "off",
    "logging_collector": "off",
}


def missing() -> str:
    """Why there can be no PostgreSQL here; empty if there can."""
    absent = [name for name in ("initdb", "postgres", "setpriv") if not _binary(name)]
    return f"{' and '.join(absent)} not found: install postgresql and util-linux" if absent else ""


def _binary(name: str) -> str | None:
    folders = [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders))


def _user() -> pwd.struct_passwd | None:
    """Who runs it, if we are root, as whom PostgreSQL does not run."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name for user in pwd.getpwall()}
    return pwd.getpwnam("postgres" if "postgres" in known else "nobody")


def _unprivileged() -> list[str]:
    user = _user()
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] if user else []


class Postgres:
    """One server, with its data in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The database that is always there."""
        return self.url_of("postgres")

    def url_of(self, database: str, *, host: str = "", user: str = USER) -> str:
        """The URL of a database: by the socket, which asks for no password; or by an address, which does."""
        return f"postgresql://{user}@{host}:{self.port}/{database}{'' if host else f'?host={self.folder}'}"

    def initialise(self) -> None:
        """Make the cluster."""
        if user := _user():
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["--username", USER, "--pwfile", str(secret), "--auth-local=trust", "--auth-host=scram-sha-256"]
        options += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions", "-D", str(self.folder / "data")]
        self._run([_binary("initdb") or "initdb", *options])

    def _run(self, command: list[str]) -> None:
        done = subprocess.run([*_unprivileged(), *command], capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self.process is None
        settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        settings += [f"-cunix_socket_directories={self.folder}", "-clisten_addresses=127.0.0.1", f"-cport={self.port}"]
        # Whatever becomes of us, it does not stay behind.
        guarded = ["setpriv", "--pdeathsig=SIGINT", _binary("postgres") or "postgres"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_unprivileged(), *guarded, "-D", str(self.folder / "data"), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
            )
        give_up_at = time.monotonic() + _READY_WITHIN
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > give_up_at:
                raise AssertionError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT cuts every connection, SIGQUIT is a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            try:
                self.process.wait(_STOPPED_WITHIN)
            finally:
                if self.process.poll() is None:
                    self.process.kill()
                    self.process.wait(5)
                self.process = None

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal to the server and everything that works for it, such as SIGSTOP."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in [self.process.pid, *map(int, children)]:
            with suppress(ProcessLookupError):  # one that has ended meanwhile
                os.kill(pid, signal_number)

    def make_database(self, name: str, *, like: str = "template0") -> str:
        """Make a database; gives its URL."""
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url_of(name)

    def clear(self, database: str, tables: Iterable[str]) -> None:
        """Empty the tables of a database, whoever uses it; much quicker than to drop it."""
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
        self.execute("; ".join(f"DELETE FROM {table}" for table in tables), database=database)

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run a statement of the administrator's."""
        with psycopg.connect(self.url_of(database), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def open_postgres() -> Iterator[Postgres]:
    """Run a server while the block lasts."""
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(f"no PostgreSQL: {reason}")
    if reason:
        pytest.skip(f"no PostgreSQL: {reason}")
    # Not below pytest's own folder, into which nobody else may look; nor deep, as a socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="callwarden-pg-", ignore_cleanup_errors=True) as made:
        server = Postgres(Path(made))
        server.initialise()
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # nobody wants its files any more
