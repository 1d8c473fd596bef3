"""The Containerfile, without a container: what it builds is built in folders of its own, and run."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from daemon.config import Config, Server
from tests.configured import API_KEY, SIGNING_SECRET, configuration
from tests.process.nodes import until

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "Containerfile").read_text()


def instructions(name: str) -> list[str]:
    """What follows an instruction, each time it is given."""
    joined = TEXT.replace("\\\n", " ")
    return [" ".join(line.split()[1:]) for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_its_words_on_stopping_and_listening_hold() -> None:
    config: Config = configuration()
    (patience,) = re.findall(r"--stop-timeout=(\d+)", TEXT)
    assert float(patience) > config.drain.deadline + config.drain.lame_duck + config.drain.settle_timeout
    (port,) = instructions("EXPOSE")
    assert Server().bind == (f"127.0.0.1:{port}",)
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    assert instructions("USER") == ["callwarden"]


def test_it_is_not_built_from_what_lies_around() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", ".venv*", "dist", "build"} <= {*ignored}


def built(folder: Path) -> Path:
    """Do what the first stage does, with nothing but what is under version control; gives the environment."""
    source, home = folder / "src", folder / "opt"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    steps = instructions("RUN")[0]
    assert steps.startswith("python -m venv /opt/callwarden")
    steps = steps.replace("python -m venv", f"{sys.executable} -m venv").replace("/opt/callwarden", str(home))
    steps = steps.replace(" /wheel ", f" {folder}/wheel ")
    subprocess.run(["sh", "-ec", steps], cwd=source, check=True, capture_output=True, timeout=300)
    return home


def first_child(pid: int) -> int:
    """The first child of a process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.mark.exhaustive
async def test_what_it_builds_answers_and_drains(tmp_path: Path) -> None:
    home = built(tmp_path)
    (tmp_path / "xai-webhook-secret").write_text(SIGNING_SECRET)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = (f'server.bind=["{address}"]', f"ledger.url=sqlite:///{tmp_path}/ledger.db", "drain.lame_duck=0s")
    command = [str(home / "bin" / "callwarden"), "run", "--config", str(ROOT / "config.toml")]
    command += [part for setting in settings for part in ("--set", setting)]
    environment = {"PATH": f"{home}/bin:{os.environ['PATH']}", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    (health,) = re.findall(r'CMD \["python", "-c", "(import urllib.*?)"\]', TEXT)
    checked = [str(home / "bin" / "python"), "-c", health.replace("127.0.0.1:8080", address)]
    # As process 1 of a world of its own, as in a container, where there is a right to make one.
    alone = ["unshare", "--pid", "--fork", "--kill-child"] if os.geteuid() == 0 and shutil.which("unshare") else []
    with (tmp_path / "log").open("wb") as log:
        daemon = await trio.lowlevel.open_process(
            [*alone, *command], env={**environment, "XAI_API_KEY": API_KEY}, stderr=log, cwd=tmp_path
        )
        try:
            await until(lambda: b'"event":"ready"' in (tmp_path / "log").read_bytes(), 30, "it is ready")
            assert (await trio.run_process(checked, check=False)).returncode == 0
            os.kill(first_child(daemon.pid) if alone else daemon.pid, signal.SIGTERM)
            with trio.fail_after(20):
                assert await daemon.wait() == 0
        finally:
            if daemon.poll() is None:
                daemon.kill()
                with trio.CancelScope(shield=True):
                    await daemon.wait()
