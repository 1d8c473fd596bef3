"""Commands that set numbers up, as processes killed by SIGKILL at every change, before and after it is carried out.

Deaths at requests that only look, and between two files, are in tests/numbers, where one takes a millisecond.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from daemon.sandbox.rest import Answer, Asked, Fault, Front
from tests.cli.machine import NUMBER, WEBHOOK, Machine, open_machine

pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).parents[2]
REGISTER = ("numbers", "register", NUMBER, "--webhook", WEBHOOK, "--carrier", "twilio", "--write")
ROTATE = ("numbers", "rotate", NUMBER, "--yes", "--write")


class Hangman:
    """Kills the running command at one of its changes."""

    def __init__(self) -> None:
        self.process: trio.Process | None = None
        self.at = 0
        self.steps = 0

    def watch(self, desk: Front) -> Front:
        """A front that counts changes: odd steps are before, even ones after a change was carried out."""

        def front(asked: Asked) -> Answer | Fault:
            if asked.method != "GET" and self._kills():
                return Fault.CUT
            given = desk(asked)
            return Fault.CUT if asked.method != "GET" and self._kills() else given

        return front

    def _kills(self) -> bool:
        self.steps += 1
        if self.steps != self.at or self.process is None:
            return False
        self.process.send_signal(signal.SIGKILL)
        return True

    async def run(self, machine: Machine, *command: str, at: int = 0) -> int:
        """Run a command as a process; gives its exit code."""
        self.at, self.steps = at, 0
        given = {name: value for name, value in machine.env.items() if value is not None}
        with trio.fail_after(60):
            self.process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "daemon", *command],
                env={**os.environ, **given},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            return await self.process.wait()


async def killed_everywhere(folder: Path, *commands: tuple[str, ...], right: Callable[[Machine], None]) -> int:
    """Kill the last of the commands at every step, run it again, and look; gives how many steps there were."""
    at = 0
    while True:
        at += 1
        place = folder / str(at)
        place.mkdir()
        hangman = Hangman()
        async with open_machine(place, hangman.watch) as machine:
            *before, last = (tuple(part.replace("CARRIER", machine.carrier) for part in one) for one in commands)
            for command in before:
                assert await hangman.run(machine, *command) == 0
            code = await hangman.run(machine, *last, at=at)
            assert code in (0, -signal.SIGKILL)
            assert code == 0 or await hangman.run(machine, *last) == 0
            right(machine)
        if code == 0:
            return at - 1


def rings(machine: Machine) -> None:
    """One registration, whose secret is where the configuration says."""
    (listed,) = machine.board.numbers.listed.values()
    assert listed["phoneNumber"] == NUMBER
    text = machine.config.read_text()
    first = text[text.index(NUMBER) :].partition('"${file:')[2].partition("}")[0]
    assert Path(first).read_text().strip() == machine.board.numbers.secrets[NUMBER]


def goes_to_the_platform(machine: Machine) -> None:
    """One trunk, one URL, and the number on it."""
    rings(machine)
    (trunk,), (url,), (number,) = machine.twilio.trunks, machine.twilio.urls.values(), machine.twilio.numbers.values()
    assert (url["trunk_sid"], number["trunk_sid"]) == (trunk, trunk)


def is_as_before(machine: Machine) -> None:
    """Nothing of ours is left."""
    (number,) = machine.twilio.numbers.values()
    assert (machine.twilio.trunks, machine.twilio.urls, number["trunk_sid"]) == ({}, {}, None)


APPLY = ("carrier", "apply", NUMBER, "--yes", "--api-url", "CARRIER")
REMOVE = ("carrier", "remove", NUMBER, "--yes", "--api-url", "CARRIER")


async def test_register(tmp_path: Path) -> None:
    assert await killed_everywhere(tmp_path, REGISTER, right=rings) == 2


async def test_rotate(tmp_path: Path) -> None:
    assert await killed_everywhere(tmp_path, REGISTER, ROTATE, right=rings) == 4


async def test_apply(tmp_path: Path) -> None:
    assert await killed_everywhere(tmp_path, REGISTER, APPLY, right=goes_to_the_platform) == 6


async def test_remove(tmp_path: Path) -> None:
    assert await killed_everywhere(tmp_path, REGISTER, APPLY, REMOVE, right=is_as_before) == 6
