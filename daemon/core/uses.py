"""Uses of tools in a conversation: which run, which outputs belong together, and what of it may be sent.

The uses of one turn are a batch. Its outputs go out together when the last one is in; but once the caller has cut in,
the platform answers them by itself, and its answer should know as much as possible, so each goes out as it comes. Every
id is known for ever: the platform may announce a use again, and it is not run again. Pure; owned by `turns.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final

import msgspec

from daemon.core.agent import ToolRules
from daemon.core.deeds import LONGEST_NAME
from daemon.core.effects import BY_RULE, INTERRUPTED, Effect, ToolUse
from daemon.core.frames import FunctionCallOutput, ItemCreate, data

MOST_USES: Final = 10_000
"""Uses in one call, refused ones included, after which the model or the platform is out of its mind."""
LONGEST_ID: Final = 256


@dataclass(slots=True)
class Batch:
    """The uses of one turn."""

    outputs: dict[str, str | None] = field(default_factory=dict)
    """What was not sent yet, by use; None while it runs."""
    made: bool = False
    """Whether the turn is made, so that its last tool is known."""
    loose: bool = False
    """Whether each output goes out as it comes."""
    ran: bool = False
    """Whether a tool of ours was among them."""

    @property
    def complete(self) -> bool:
        """Whether nothing of it runs any more."""
        return None not in self.outputs.values()

    def take(self) -> list[ItemCreate]:
        """What may be sent now."""
        if not self.made or not (self.loose or self.complete):
            return []
        ready = {use_id: output for use_id, output in self.outputs.items() if output is not None}
        for use_id in ready:
            del self.outputs[use_id]
        return [output_frame(use_id, output) for use_id, output in ready.items()]


@dataclass(slots=True)
class _Running:
    use: ToolUse
    batch: Batch
    began: float
    rules: ToolRules
    fill: bool


class ToolUses:
    """Every use of a tool on one call."""

    def __init__(self) -> None:
        self.ours: set[str] = set()
        """Ids of the uses that the shell was told to run, those of before a crash included."""
        self._known: set[str] = set()
        self._by_rule = 0
        self._running: dict[str, _Running] = {}
        self._batch = Batch()
        self._quiet_since = inf

    @property
    def working(self) -> bool:
        """Whether a tool runs."""
        return bool(self._running)

    def is_new(self, use_id: str) -> bool:
        """Whether a use was never heard of; from now on it is known. One with an endless id is none."""
        new = use_id not in self._known and len(use_id) <= LONGEST_ID
        if new:
            self._known.add(use_id)
        return new

    @property
    def too_many(self) -> bool:
        """Whether more was asked for than anybody can have meant."""
        return len(self._known) > MOST_USES

    def new_id(self) -> str:
        """An id for a use that a rule brings about."""
        self._by_rule += 1
        return self.last_by_rule

    @property
    def last_by_rule(self) -> str:
        """The id that was given last."""
        return f"{BY_RULE}{self._by_rule}"

    def adopt(self, effects: Iterable[Effect], rules: Mapping[str, ToolRules]) -> list[ToolUse]:
        """Know what was used before a crash; gives what is to be run again, and has the others' outputs given."""
        again: list[ToolUse] = []
        for effect in effects:
            use, rule = effect.use, rules.get(effect.use.name)
            self.ours.add(use.id)
            self._known.add(use.id)
            self._by_rule += use.by_rule
            if effect.told:
                continue
            if effect.output is None and rule is not None and rule.idempotent:
                again.append(use)
            else:
                self.give(use.id, told(use, effect.output or INTERRUPTED))
        return again

    def begin(self, use: ToolUse, rules: ToolRules, now: float, *, ours: bool = True) -> None:
        """A tool is about to run; `ours`, if the shell runs it. What a rule brings about belongs to no turn."""
        batch = Batch(made=True) if use.by_rule else self._open()
        batch.outputs[use.id], batch.ran = None, True
        if ours:
            self.ours.add(use.id)
        self._running[use.id] = _Running(use, batch, now, rules, fill=bool(rules.filler))

    def give(self, use_id: str, output: str) -> None:
        """A use has its output from the start."""
        self._open().outputs[use_id] = output

    def _open(self) -> Batch:
        if self._batch.made and not self._batch.outputs:
            self._batch = Batch()
        return self._batch

    def finish(self, use_id: str, output: str, now: float) -> tuple[ToolUse, float, Batch] | None:
        """A tool gave its output: which use that was, how long it took, and its batch. None if it is not running."""
        running = self._running.pop(use_id, None)
        if running is None:
            return None
        running.batch.outputs[use_id] = told(running.use, output)
        return running.use, now - running.began, running.batch

    def turn_begins(self) -> None:
        """A turn begins: what it asks for is its own, unless the one before it never got its end."""
        self._quiet_since = inf
        if self._batch.made:
            self._batch = Batch()

    def turn_made(self, heard_at: float) -> Batch:
        """The present turn is made, and heard until then; gives its batch."""
        self._quiet_since = heard_at
        self._batch.made = True
        return self._batch

    def cut_in(self) -> list[Batch]:
        """The caller cuts in: nothing waits for anything any more. Gives the batches of which something may be sent."""
        self._quiet_since = inf
        batches = [*(running.batch for running in self._running.values()), self._batch]
        for batch in batches:
            batch.made = batch.loose = True
        for running in self._running.values():
            running.fill = False
        return batches

    # Words for a caller who waits

    @property
    def filler_at(self) -> float:
        """When a waiting caller is to be told that it takes a while, if nothing is heard before."""
        return min((self._quiet_since + running.rules.filler_after for running in self._fillers()), default=inf)

    def fill(self) -> str:
        """What they are told; once for all tools that run now."""
        words = min(self._fillers(), key=lambda running: running.rules.filler_after).rules.filler
        for running in self._running.values():
            running.fill = False
        return words

    def _fillers(self) -> list[_Running]:
        return [running for running in self._running.values() if running.fill]


def told(use: ToolUse, output: str) -> str:
    """A tool's output as the model is told it; of what it did not ask for, it learns what that was."""
    if not use.by_rule:
        return output
    content = {"used": use.name, "by": "a key or a rule", "output": msgspec.Raw(output.encode(errors="replace"))}
    return msgspec.json.encode(content).decode()


def output_frame(use_id: str, output: str) -> ItemCreate:
    """A tool's output for the model; it is data, and no answer, where it did not ask."""
    if use_id.startswith(BY_RULE):
        return data(output, use_id)
    return ItemCreate(item=FunctionCallOutput(call_id=use_id, output=output))


def refusal(name: str | None) -> str:
    """The output of a tool that there is not."""
    shown = name[:LONGEST_NAME] if name else name
    return msgspec.json.encode({"error": f"There is no tool named {shown!r}."}).decode()
