"""Judging: what happened in a rehearsed call, held against what was expected of it.

Gives failures as lines for people, none if all is well. Besides what a rehearsal expects, three things always are: that
it is played to its end, that the model is asked for no turn it does not give, and that no tool runs unprepared. Plain;
imports core and this room.
"""

import json
from collections.abc import Iterator, Sequence

from daemon.calls.admission import Verdict
from daemon.core import journal
from daemon.core.durations import format_duration
from daemon.sandbox.rehearsal.playing import Performance, is_turn
from daemon.sandbox.rehearsal.records import Expect, ExpectedUse, Step

_NOT_KNOWN = "***"
_TOOK_IT = (Verdict.CLAIMED, Verdict.DUPLICATE)


def judge(played: Performance) -> list[str]:
    """Everything that is not as it should be."""
    expect = played.call.expect
    return [
        *_end(played, expect),
        *_always(played),
        *_first_words(played, expect),
        *_spoken(played, expect),
        *_frames(played, expect),
        *_uses(played, expect),
        *_lists(played, expect),
    ]


def _end(played: Performance, expect: Expect) -> Iterator[str]:
    receipt = played.receipt
    outcome = "refused" if played.verdict not in _TOOK_IT else receipt.outcome if receipt else "no end"
    why = played.verdict.value if outcome == "refused" else receipt.why if receipt else "it never ended"
    if expect.outcome is not None and outcome != expect.outcome:
        yield f"expected outcome {expect.outcome}, got {outcome} ({why})"
    elif outcome in ("refused", "no end") and expect.outcome is None:
        yield f"the call was {'not answered' if outcome == 'refused' else 'never ended'} ({why})"
    if expect.reason not in why:
        yield f"expected a reason with {expect.reason!a}, got {why!a}"
    if expect.within is not None and receipt is not None and receipt.seconds > expect.within:
        yield f"expected an end within {format_duration(expect.within)}, took {receipt.seconds:.1f} s"


def _always(played: Performance) -> Iterator[str]:
    for name in sorted(played.unprepared):
        yield f"tool {name} was used and is not prepared; add [call.tools.{name}] with answer, or real = true"
    for step in played.unplayed:
        who = "the model's turn" if is_turn(step) else "the caller's step"
        yield f"the call did not come to {who} {describe(step)}"
    if played.made_up:
        turns = "a turn" if played.made_up == 1 else f"{played.made_up} turns"
        yield f"the model was asked for {turns} more than the rehearsal gives"
    for event in played.log:
        if "exc_info" in event:
            yield f"an error in Callwarden or in a tool: {event['event']}: {event['exc_info']!r}"


def _first_words(played: Performance, expect: Expect) -> Iterator[str]:
    if expect.greeting is None:
        return
    fixed = [
        frame["item"]["content"][0]["text"]
        for frame in played.sent[:3]
        if frame["type"] == "conversation.item.create" and frame["item"]["type"] == "force_message"
    ]
    first = fixed[0] if fixed else ""
    if first != expect.greeting:
        yield f"expected the greeting {expect.greeting!a}, got {first!a}"


def _spoken(played: Performance, expect: Expect) -> Iterator[str]:
    said = [
        each.entry.text
        for each in played.story
        if isinstance(each.entry, journal.Said) and each.entry.final and each.entry.speaker == "agent"
    ]
    rest = iter(said)
    for words in expect.said:
        if not any(words in turn for turn in rest):
            after = " (or not in this order)" if any(words in turn for turn in said) else ""
            yield f"expected the agent to say {words!a}{after}; it said: {_quoted(said)}"
            break
    for words in expect.never_said:
        if any(words in turn for turn in said):
            yield f"expected the agent never to say {words!a}"


def _frames(played: Performance, expect: Expect) -> Iterator[str]:
    rest = iter(played.sent)
    for wanted in expect.sent:
        if not any(holds(frame, wanted) for frame in rest):
            near = [frame for frame in played.sent if frame.get("type") == wanted.get("type")]
            got = f"; of that type was sent: {', '.join(map(json.dumps, near))}" if near else ""
            yield f"expected a frame with {json.dumps(wanted)} to be sent{got}"
            break


def _uses(played: Performance, expect: Expect) -> Iterator[str]:
    if expect.tools is None:
        return
    done = [f"{run.tool} {json.dumps(run.arguments)}" for run in played.runs]
    fits = len(done) == len(expect.tools) and all(
        run.tool == use.tool and use.arguments in (None, run.arguments)
        for run, use in zip(played.runs, expect.tools, strict=True)
    )
    if not fits:
        wanted = ", ".join(map(_use, expect.tools)) or "none"
        yield f"expected the tools {wanted} to be run, got {', '.join(done) or 'none'}"


def _use(use: ExpectedUse) -> str:
    return use.tool + (f" {json.dumps(use.arguments)}" if use.arguments is not None else "")


def _lists(played: Performance, expect: Expect) -> Iterator[str]:
    entries = [each.entry for each in played.story]
    typed = [entry.digits or _NOT_KNOWN for entry in entries if isinstance(entry, journal.DigitsCollected)]
    tried = [entry.destination for entry in entries if isinstance(entry, journal.TransferAsked)]
    agents = [entry.agent for entry in entries if isinstance(entry, journal.Claimed | journal.AgentChosen)]
    if expect.entries is not None and typed != [*expect.entries]:
        yield f"expected the entries {_quoted(expect.entries)}, got {_quoted(typed)}"
    if expect.transfers is not None and tried != [*expect.transfers]:
        yield f"expected transfers to {_quoted(expect.transfers)}, got {_quoted(tried)}"
    if expect.agent is not None and agents[-1:] != [expect.agent]:
        yield f"expected the agent {expect.agent}, got {agents[-1] if agents else 'none'}"


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"{each!a}" for each in words) or "nothing"


def holds(value: object, wanted: object) -> bool:
    """Whether a value is what is wanted, and may be more: further keys, further items."""
    match value, wanted:
        case dict(), dict():
            return all(key in value and holds(value[key], inner) for key, inner in wanted.items())
        case list(), list():
            rest = iter(value)
            return all(any(holds(item, inner) for item in rest) for inner in wanted)
        case _:
            return value == wanted


def describe(step: Step) -> str:
    """A step in a few words."""
    match step:
        case Step(caller=str(words)):
            return f"{words!a}"
        case Step(keys=str(keys)):
            return f"keys {keys}"
        case Step(wait=float(seconds)):
            return f"wait {format_duration(seconds)}"
        case Step(leaves=True):
            return "leaves"
        case Step(breaks=True):
            return "breaks"
        case _:
            tools = [name for name in (step.use, *(each.tool for each in step.uses)) if name]
            return f"{step.model or ''!a}" + (f" with {', '.join(tools)}" if tools else "")
