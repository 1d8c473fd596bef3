"""`callwarden chat`: talk to a configured agent by text, with everything real but the telephone."""

import contextlib
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

import click
import msgspec
import structlog
import trio
from rich.text import Text
from structlog.typing import EventDict, WrappedLogger

from daemon.chat.keyboard import HINT, Keyboard
from daemon.chat.platform import Converse
from daemon.chat.talk import Caller, Note
from daemon.chat.talk import chat as talk
from daemon.cli.configuration import configured, load_or_exit
from daemon.cli.happenings import describe
from daemon.cli.opening import EXIT_MISSING, EXIT_USAGE, fail
from daemon.cli.plain import harmless, make_console
from daemon.config import Config, Secret
from daemon.core import journal
from daemon.core.journal import Entry
from daemon.core.receipts import Receipt
from daemon.errors import StartError
from daemon.observe import log
from daemon.observe.clock import system_clock
from daemon.platforms.base import ReferResult
from daemon.platforms.xai import Xai, open_platform
from daemon.sandbox.companion import HELP
from daemon.sandbox.memory import MemorySandbox
from daemon.sandbox.switchboard import Switchboard

_MODEL = "grok-voice-latest"
_WORTH_A_LINE = (
    journal.MenuChosen,
    journal.AskedAgain,
    journal.TransferRefused,
    journal.TransferFailed,
    journal.ToolRefused,
    journal.AnswerMissed,
    journal.FellBack,
    journal.PlatformComplained,
)
"""What somebody who tries an agent out wants to know besides what is said."""


@click.command()
@configured
@click.option("--agent", metavar="NAME", help="The agent to talk to; not needed if there is only one.")
@click.option("--sandbox", is_flag=True, help="Talk to the sandbox's model, which needs no key and no network.")
@click.option("--model", help=f"The platform's model; by default the agent's own, or {_MODEL}.")
@click.option("--from", "number", metavar="NUMBER", help="The number you call from, as the agent sees it.")
@click.option("--busy", is_flag=True, help="Have transfers fail, as if the destination were busy.")
def chat(
    path: Path,
    overrides: tuple[str, ...],
    agent: str | None,
    *,
    sandbox: bool,
    model: str | None,
    number: str | None,
    busy: bool,
) -> None:
    """Talk to an agent by text.

    Its instructions, greeting, tools and keypad are those of the configuration. Tools really run; transfers are shown
    and not made. On the platform this costs what a call of the same length does; a session is billed by the clock.
    """
    written = load_or_exit(path, overrides, secrets_of=())
    name = _choose(written, agent)
    config = load_or_exit(path, overrides, secrets_of=_needed(written, name, sandbox=sandbox), functions=True)
    log.set_up(level="error", json=False)
    structlog.configure(processors=[_leave_out, *structlog.get_config()["processors"]])
    stream = standard_input()
    screen = _Screen(config, interactive=stream.isatty())
    called = next((each for each, route in config.numbers.items() if route.agent == name), None)
    caller = Caller(
        keyboard=Keyboard(stream.fileno()),
        patient=not screen.interactive,
        number=number,
        called=called,
        transfers=ReferResult.REJECTED if busy else ReferResult.ANSWERED,
    )
    screen.hint(HINT)
    if sandbox:
        screen.hint(HELP)
    receipt, problem = None, ""
    try:
        receipt = trio.run(
            _chat, config, name, model or config.agents[name].model or _MODEL, sandbox, caller, screen.show
        )
    except* StartError as group:
        problem = str(group.exceptions[0])
    if receipt is None or not receipt.joined:
        fail(problem or (receipt.why if receipt else "the chat was cut off"), EXIT_MISSING)


def standard_input() -> TextIO:
    """Where what is typed comes from."""
    return sys.stdin


def _leave_out(_logger: WrappedLogger, _level: str, event: EventDict) -> EventDict:
    """Drop the log's line about what is told at the end anyway."""
    if event.get("event") == "join_given_up":
        raise structlog.DropEvent
    return event


def _choose(config: Config, name: str | None) -> str:
    there_is = f"there is: {', '.join(config.agents)}"
    if name is None and len(config.agents) > 1:
        fail(f"say which agent to talk to, with --agent; {there_is}", EXIT_USAGE)
    name = name or next(iter(config.agents))
    if name not in config.agents:
        fail(f"there is no agent {name!a}; {there_is}", EXIT_USAGE)
    return name


def _needed(written: Config, name: str, *, sandbox: bool) -> set[str]:
    """Where the secrets are that a chat with this agent has a use for."""
    agent = written.agents[name]
    # Whoever the lookup may name instead has other tools.
    tools = {"tools"} if agent.lookup.agent_field else {f"tools.{tool}" for tool in agent.tools}
    return {f"agents.{name}", *tools, *(() if sandbox else ("platform.xai.api_key",))}


async def _chat(
    config: Config, name: str, model: str, sandbox: bool, caller: Caller, show: Callable[[Entry | Note], None]
) -> Receipt | None:
    async with _session(config, model, sandbox=sandbox) as converse:
        return await talk(config, name, converse, caller, show=show, wall=system_clock)


@asynccontextmanager
async def _session(config: Config, model: str, *, sandbox: bool) -> AsyncIterator[Converse]:
    """What is talked to: the platform, or the sandbox in memory."""
    if not sandbox:
        async with open_platform(config.platform.xai) as platform:
            yield partial(platform.converse, model)
        return
    key = secrets.token_hex(8)
    xai = msgspec.structs.replace(config.platform.xai, api_key=Secret(key))
    async with trio.open_nursery() as nursery:
        memory = MemorySandbox(Switchboard(key), nursery)
        async with memory.client(key) as client:
            yield partial(Xai(xai, client, memory.dial).converse, model)
        nursery.cancel_scope.cancel(reason="the chat is over")


class _Screen:
    """Shows a chat: with colours to somebody who looks, as plain lines to a pipe."""

    def __init__(self, config: Config, *, interactive: bool) -> None:
        self._config = config
        self._console = make_console()
        self.interactive = interactive

    def hint(self, text: str) -> None:
        """Tell how to use it, to somebody who looks."""
        if self.interactive:
            self._line("", text, "dim")

    def show(self, shown: Entry | Note) -> None:
        """Show what happened, if it is worth a line."""
        match shown:
            case journal.Said(speaker="caller", final=True, text=text) if not self.interactive:
                self._line("you", text, "bold yellow")
            case journal.KeyPressed(digit=digit) if not self.interactive:
                self._line("key", digit or "?", "magenta")
            case Note("hint", text):
                self._line("", text, "dim")
            case Note("asked", text):
                self._line("tool", text, "blue")
            case Note("gave", text):
                self._line("gave", text, "blue")
            case journal.Said(speaker="agent", final=True, text=text):
                self._line("agent", text, "bold green")
            case journal.DigitsCollected(digits=digits, count=count):
                self._line("entry", digits or f"{count} keys", "magenta")
            case journal.TransferAsked(destination=name):
                uri = self._config.destinations[name].uri
                self._line("transfer", f"to {name} ({uri}); here nobody is called", "cyan")
            case journal.HangUpAsked(reason=reason):
                self._line("hang up", reason or "no reason given", "blue")
            case journal.Ended(receipt=receipt) if receipt.joined:
                self._line("over", f"{receipt.outcome}: {receipt.why}", "bold")
            case Note():
                pass
            case entry if isinstance(entry, _WORTH_A_LINE):
                self._line(*describe(msgspec.to_builtins(entry)), "cyan")
            case _:
                pass

    def _line(self, who: str, words: str, style: str) -> None:
        # Whoever read it may be gone; that is no reason to cut the agent off.
        with contextlib.suppress(OSError):
            self._console.print(Text.assemble((f"{who:<9}", style), harmless(words)), soft_wrap=True)
