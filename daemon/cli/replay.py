"""`callwarden replay`: what this build and this configuration would have done in a call that was recorded."""

import json
import sys
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.text import Text

from daemon import __version__
from daemon.calls.roles import roles_in
from daemon.cli.configuration import configured, load_or_exit
from daemon.cli.opening import EXIT_MISSING, EXIT_USAGE, fail
from daemon.cli.plain import harmless, make_console
from daemon.config import Config
from daemon.errors import StartError
from daemon.replay.difference import Change, Difference, Pair, compare, differences
from daemon.replay.play import Act, acts_of, play
from daemon.replay.recordings import Take, find, read

EXIT_DIFFERENT = 1

_LONGEST = 160
_SIGNS = {"new": ("+", "green"), "gone": ("-", "red"), "changed": ("~", "yellow"), "moved": ("~", "yellow")}


@click.command()
@configured
@click.argument("call")
@click.option("--agent", help="Let this agent take the call, and not the one of the recording.")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as one JSON object.")
def replay(path: Path, overrides: tuple[str, ...], call: str, agent: str | None, *, as_json: bool) -> None:
    """Show what would be done differently in a recorded CALL.

    CALL is the beginning of a call's id, looked for in the folder that [recording] names, or a recording's file. No
    network, key or secret is needed. Exits with 0 if everything would be the same, with 1 if not.
    """
    config = load_or_exit(path, overrides, secrets_of=(), functions=True)
    takes = _read(_one(find(config.recording.directory, call), call, config))
    compared = [_compare(config, path, take, agent or take.opened.agent) for take in takes]
    if as_json:
        _print_json(takes, compared)
    else:
        for take, pairs in zip(takes, compared, strict=True):
            _print(make_console(), config, take, pairs)
    sys.exit(EXIT_DIFFERENT if any(differences(pairs) for pairs in compared) else 0)


def _one(found: Sequence[Path], call: str, config: Config) -> Path:
    if not found:
        folder = config.recording.directory
        where = f"in {folder}" if folder else "because [recording] directory names no folder; name the file itself"
        fail(f"there is no recording {call!a} {where}", EXIT_USAGE)
    if len(found) > 1:
        named = ", ".join(file.stem for file in found[:5]) + (", ..." if len(found) > 5 else "")
        fail(f"{call!a} may be any of {named}", EXIT_USAGE)
    return found[0]


def _read(path: Path) -> tuple[Take, ...]:
    try:
        return read(path)
    except StartError as error:
        fail(str(error), EXIT_MISSING)


def _compare(config: Config, path: Path, take: Take, name: str) -> list[Pair]:
    role = roles_in(config).get(name)
    if role is None:
        there_is = ", ".join(config.agents)
        fail(
            f"{path}: there is no agent {name!a} any more; name another one with --agent; there is: {there_is}",
            EXIT_USAGE,
        )
    return compare(acts_of(take), play(take, role, ready_timeout=config.platform.xai.ready_timeout))


def _print_json(takes: Sequence[Take], compared: Sequence[Sequence[Pair]]) -> None:
    found = [differences(pairs) for pairs in compared]
    conversations = [
        {
            "agent": take.opened.agent,
            "build": take.opened.build,
            "at": take.opened.at,
            "events": len(take.fed),
            "complete": take.closed is not None,
            "differences": msgspec.to_builtins(each),
        }
        for take, each in zip(takes, found, strict=True)
    ]
    call_id = takes[0].opened.call_id
    click.echo(json.dumps({"call_id": call_id, "same": not any(found), "conversations": conversations}))


def _print(console: Console, config: Config, take: Take, pairs: Sequence[Pair]) -> None:
    opened, closed, found = take.opened, take.closed, differences(pairs)
    _say(console, f"call {opened.call_id}: agent {opened.agent}, recorded by {opened.build}, played by {__version__}")
    number = config.numbers.get(opened.called or "")
    if number is None or number.agent != opened.agent:
        now = f"agent {number.agent}" if number else "nobody"
        _say(console, f"note: a call to {opened.called} is answered by {now} now, unless a lookup names another agent")
    for pair in pairs:
        if pair.difference is not None:
            _print_difference(console, pair.difference)
        elif pair.act is not None:
            _say(console, f"  {_line(pair.act)}", "dim")
    if closed is None:
        _say(console, "The recording breaks off here.")
    else:
        _say(console, f"The call ended here: {closed.outcome or 'hang-up owed'} ({' > '.join(closed.reasons)})")
    _say(console, f"{len(found)} different" if found else "Everything would be the same.")


def _print_difference(console: Console, difference: Difference) -> None:
    sign, style = _SIGNS[difference.kind]
    act = difference.now or difference.then
    if act is None:
        return
    when = f" (was at {difference.then.at:.2f} s)" if difference.kind == "moved" and difference.then else ""
    _say(console, f"{sign} {_line(act)}{when}", style)
    for change in difference.changes:
        for line in _change(change):
            _say(console, f"      {line}", style)


def _say(console: Console, text: str, style: str = "") -> None:
    """Print a line; a recording may be somebody else's, so nothing in it may do anything to a terminal."""
    console.print(Text(harmless(text), style=style), soft_wrap=True)


def _change(change: Change) -> list[str]:
    if isinstance(change.then, str) and isinstance(change.now, str) and "\n" in change.then + change.now:
        lines = unified_diff(change.then.splitlines(), change.now.splitlines(), lineterm="", n=1)
        return [f"{change.path}:", *(f"  {line}" for line in [*lines][2:])]
    return [f"{change.path}: {_short(change.then)} -> {_short(change.now)}"]


def _line(act: Act) -> str:
    return f"{act.at:7.2f} s  {_words(act.wanted)}"


def _words(wanted: dict[str, object]) -> str:
    """A command in a few words; the rest of it as JSON."""
    match wanted:
        case {
            "kind": "SendFrame",
            "frame": {"type": "conversation.item.create", "item": {"type": "force_message"} as item},
        }:
            return f"say exactly: {_short(item['content'][0]['text'])}"
        case {"kind": "SendFrame", "frame": {"type": kind, **rest}}:
            more = {key: value for key, value in rest.items() if key != "event_id"}
            return f"send {kind}" + (f" {_short(more)}" if more else "")
        case {"kind": "HangUp", "reasons": [*reasons]}:
            return f"hang up: {' > '.join(map(str, reasons))}"
        case {"kind": "RunTool", "use": {"name": name, "arguments": arguments}}:
            return f"run tool {name} {_short(arguments)}"
        case _:
            return _short(wanted)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
