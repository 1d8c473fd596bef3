"""`callwarden show`: all that the ledger knows of one call."""

from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from daemon.cli.calls import state
from daemon.cli.configuration import configured
from daemon.cli.happenings import line
from daemon.cli.opening import fail, opened, the_call
from daemon.cli.plain import clock_time, harmless, local_time, make_console, print_json, span
from daemon.ledger.records import Record, ToolUsed, read_record

_LONGEST = 300


@click.command()
@configured
@click.argument("call")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def show(path: Path, overrides: tuple[str, ...], call: str, *, as_json: bool) -> None:
    """Show all about one CALL: who, when, what was said and done, how it ended, who was told.

    The beginning of its id is enough if no other call's id begins like it.
    """
    with opened(path, overrides) as (_, visit):
        call_id = the_call(visit, call)
        record = visit.read(lambda connection: read_record(connection, call_id))
    if record is None:
        fail(f"call {call_id} was forgotten just now")
    if as_json:
        print_json(record)
        return
    console = make_console()
    _print_head(console, record)
    _print_story(console, record)
    _print_deliveries(console, record)


def _print_head(console: Console, record: Record) -> None:
    call = record.call
    ended = f", ended {local_time(call.ended_at)} after {span(call.seconds)}" if call.ended_at else ""
    why = " > ".join(call.reasons or call.owed_for)
    facts = {
        "call": call.call_id,
        "from": call.caller or "unknown",
        "to": f"{call.called or 'unknown'}, answered by {call.agent} on {call.node or 'a node that is forgotten'}",
        "time": f"{local_time(call.claimed_at)}, joined {local_time(call.joined_at) or 'never'}{ended}",
        "state": f"{state(call)}{f': {why}' if why else ''}",
    }
    for name, text in facts.items():
        console.print(Text.assemble((f"{name:<6}", "dim"), harmless(text)), soft_wrap=True)


def _print_story(console: Console, record: Record) -> None:
    story = [(happened.at, happened.entry) for happened in record.entries]
    story += [
        (turn.at, {"kind": "Said", "speaker": turn.speaker, "text": turn.words, "final": turn.final})
        for turn in record.turns
    ]
    story += [(tool.begun_at, {"kind": "ToolUsed", "words": _tool(tool)}) for tool in record.tools]
    if story:
        console.print()
    for at, entry in sorted(story, key=lambda moment: moment[0]):
        console.print(line(entry, clock_time(at)), soft_wrap=True)


def _tool(tool: ToolUsed) -> str:
    took = f" after {span(tool.ended_at - tool.begun_at)}" if tool.ended_at is not None else ""
    gave = "nothing yet" if tool.output is None else _cut(tool.output)
    return f"{tool.name} {_cut(tool.arguments)}: {gave}{took}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _print_deliveries(console: Console, record: Record) -> None:
    if record.deliveries:
        console.print()
    for delivery in record.deliveries:
        state = delivery.state + (f" ({delivery.failure})" if delivery.failure else "")
        words = f"{delivery.event} to {delivery.url}: {state}, attempts: {delivery.attempts}"
        console.print(Text.assemble(("told  ", "dim"), harmless(words)), soft_wrap=True)
