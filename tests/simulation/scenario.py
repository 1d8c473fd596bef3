"""Who calls, how the daemon is configured, and when it stops: everything about a run that is known beforehand.

A scenario is a plain record; `draw` makes it from a seed, tests make their own.
"""

import json
from random import Random

import msgspec

from daemon.config import Agent, Config, Destination, Drain, HttpTool, Keypad, Recovery
from daemon.sandbox.script import Emit, Leave, Press, Reply, Say, Script, Step, Use, Wait
from tests.configured import configuration, with_xai
from tests.simulation.faults import (
    TEXTS,
    ClockJump,
    Delivery,
    RestFault,
    SocketFault,
    draw_clock,
    draw_deliveries,
    draw_dials,
    draw_refers,
    draw_rest,
    draw_sockets,
)

GREETING = "Welcome to this simulation."
PROMPT = "Greet the caller in verse."
TOOLS = {
    "book": HttpTool(description="Books.", url="https://api.example.com/", filler="One moment.", filler_after=1.5),
    "look_up": HttpTool(description="Looks up.", url="https://api.example.com/", idempotent=True),
}
PLACES = {
    "desk": Destination(uri="tel:+14155550123", fallback="night"),
    "night": Destination(uri="sip:night@pbx.example.net"),
    "cellar": Destination(uri="tel:+14155550124"),
}
KEYPAD = Keypad(
    menu={"0": "transfer:cellar", "*9": "hang_up", "1": "say:One.", "12": "say:Twelve.", "2": "tool:book"},
    idle_timeout=2.0,
)
AGAIN = json.dumps(
    {"type": "response.function_call_arguments.done", "call_id": "fc-again", "name": "book", "arguments": "{}"}
)
"""A use that is announced as often as a script says so."""
WORDS = ("yes", "no", "hello", "where", "is", "my", "order", "please", "thank", "you", "goodbye", "speak")


class Caller(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One caller, with all that will go wrong for them."""

    dials: float = 0.0
    """Seconds from the beginning."""
    script: Script = Script()
    patience: float = 1e9
    """Seconds after which they hang up whatever is going on, joined or not."""
    deliveries: tuple[Delivery, ...] = (Delivery(after=0.0),)
    sockets: tuple[tuple[SocketFault, ...], ...] = ()
    hang_ups: tuple[RestFault, ...] = ()
    refers: tuple[RestFault, ...] = ()
    rings: float = 5.0
    """Seconds that a transfer of theirs takes to be answered."""
    lag: float = 0.0
    """Seconds a byte takes between the daemon and the platform."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    seed: int = 0
    """For the dice of the run itself: which task runs first, how long pauses are."""
    config: Config
    callers: tuple[Caller, ...]
    drain_at: float
    abrupt: bool = False
    """Whether the daemon is cancelled then, instead of drained."""
    dials: dict[int, str] = {}
    clock: tuple[ClockJump, ...] = ()

    @property
    def drain(self) -> Drain:
        """How it stops."""
        return self.config.drain


def draw(seed: int) -> Scenario:
    """Draw everything from a seed."""
    dice = Random(seed)
    spread = dice.choice((1.0, 30.0, 180.0))
    callers = tuple(_caller(dice, spread) for _ in range(dice.choice((1, 1, 1, 1, 2, 2, 3, 6))))
    config = _config(dice)
    recovery = Recovery(rejoin_window=dice.choice((10.0, 10.0, 10.0, 3.0, 0.0)))
    config = msgspec.structs.replace(config, recovery=recovery)
    drain_at = round(dice.choice((dice.uniform(0, 20), dice.uniform(20, 400), 500.0)), 3)
    if config.agents["support"].max_duration > 1000 and dice.random() < 0.3:
        drain_at = 8000.0
    return Scenario(
        seed=seed,
        config=config,
        callers=callers,
        drain_at=drain_at,
        abrupt=dice.random() < 0.06,
        dials=dict(draw_dials(dice)) if dice.random() < 0.2 else {},
        clock=draw_clock(dice, drain_at),
    )


def quiet(*callers: Caller, drain_at: float, drain: Drain | None = None, **agent: object) -> Scenario:
    """A run in which nothing goes wrong that the callers don't bring along."""
    return Scenario(config=_configured(drain or Drain(), 20, 20.0, **agent), callers=callers, drain_at=drain_at)


def _config(dice: Random) -> Config:
    long = dice.random() < 0.1
    greeting = dice.choice(({"greeting": GREETING}, {"greeting": GREETING}, {"greeting_prompt": PROMPT}, {}))
    drain = Drain(
        deadline=dice.choice((0.0, 5.0, 30.0, 600.0, 3600.0 if long else 60.0)),
        lame_duck=dice.choice((0.0, 2.0, 15.0)),
    )
    return _configured(
        drain,
        dice.choice((1, 2, 20, 20)),
        # Pings are most of the work of a long call, for the simulator as for the daemon.
        120.0 if long else dice.choice((20.0, 60.0)),
        max_duration=dice.choice((1800.0, 7200.0)) if long else dice.choice((10.0, 120.0, 300.0)),
        silence_timeout=dice.choice((30.0, 30.0, 0.0)),
        goodbye_timeout=dice.choice((2.0, 10.0)),
        reply_timeout=dice.choice((0.0, 3.0, 8.0)),
        on_trouble=dice.choice(("", "hang_up", "transfer:night")),
        **greeting,
    )


def _configured(drain: Drain, max_calls: int, ping_interval: float, **agent: object) -> Config:
    tools = ("hang_up", "transfer", "collect_digits", *TOOLS)
    values = {"instructions": "Help.", "greeting": GREETING, "tools": tools, "transfers": ("desk", "night"), **agent}
    if "greeting_prompt" in values:
        del values["greeting"]
    record = msgspec.structs.replace(msgspec.convert(values, Agent), keypad=KEYPAD)
    config = configuration(agent=record, max_calls=max_calls, drain=drain)
    config = msgspec.structs.replace(config, tools=TOOLS, destinations=PLACES)
    return with_xai(config, ping_interval=ping_interval)


def _caller(dice: Random, spread: float) -> Caller:
    trouble = dice.choice((0.0, 0.3, 0.6, 0.9))
    return Caller(
        dials=round(dice.uniform(0, spread), 3),
        script=_script(dice),
        patience=round(dice.uniform(0, 40), 3) if dice.random() < 0.15 else 1e9,
        deliveries=draw_deliveries(dice),
        sockets=draw_sockets(dice, trouble=trouble),
        hang_ups=draw_rest(dice, trouble=trouble * 0.7),
        refers=draw_refers(dice, trouble=trouble),
        rings=dice.choice((0.0, 0.5, 20.0, 80.0)),
        lag=dice.choice((0.0, 0.0, 0.02, 0.3)),
    )


def _script(dice: Random) -> Script:
    kind = dice.random()
    if kind < 0.25:
        return _at_work(dice)
    if kind < 0.4:
        return _on_the_keys(dice)
    steps = [_step(dice) for _ in range(dice.choice((0, 0, 1, 1, 2, 4)))]
    if dice.random() < 0.7:
        steps.append(Leave(over=dice.random() < 0.4))
    replies = tuple(_reply(dice) for _ in range(dice.randrange(4)))
    return Script(steps=tuple(steps), replies=replies, seconds_per_word=dice.choice((0.1, 0.3)))


def _at_work(dice: Random) -> Script:
    """A call in which the model uses tools all the time, the caller cuts in, and announcements come twice."""
    steps: list[Step] = []
    for _ in range(dice.randint(2, 5)):
        steps.append(Say(_words(dice, 3), over=dice.random() < 0.4))
        steps.append(Wait(dice.choice((0.2, 1.0, 4.0, 20.0)), over=dice.random() < 0.5))
        if dice.random() < 0.3:
            steps.append(Press(dice.choice(("4711#", "123", "47", "1", "2", "*9")), over=dice.random() < 0.5))
        steps += [Emit(AGAIN)] * dice.choice((0, 0, 1, 2))
    steps.append(Leave(over=dice.random() < 0.3))
    replies = tuple(_use(dice) if dice.random() < 0.7 else _reply(dice) for _ in range(dice.randint(3, 8)))
    return Script(steps=tuple(steps), replies=replies, seconds_per_word=dice.choice((0.1, 0.3)))


def _on_the_keys(dice: Random) -> Script:
    """A call about transfers and digits, in which people press, wait and speak, and the model is not sound."""
    steps: list[Step] = []
    for _ in range(dice.randint(2, 5)):
        match dice.randrange(4):
            case 0:
                steps.append(Say(_words(dice, 3), over=dice.random() < 0.4))
            case 1:
                steps.append(Press(dice.choice(("0", "1", "2", "12", "*9")), over=dice.random() < 0.5))
            case _:
                keys = dice.choice(("4711#", "4711", "42", "3#", "471147"))
                steps.append(Press(keys, gap=dice.choice((0.1, 0.3, 1.5)), over=dice.random() < 0.3))
        steps.append(Wait(dice.choice((0.3, 3.0, 15.0, 95.0)), over=dice.random() < 0.7))
    steps.append(Leave(over=dice.random() < 0.3))
    asked = (_built_in, _built_in, _built_in, _use, _reply)
    replies = tuple(dice.choice(asked)(dice) for _ in range(dice.randint(3, 8)))
    return Script(steps=tuple(steps), replies=replies, seconds_per_word=dice.choice((0.1, 0.3)))


def _use(dice: Random) -> Reply:
    if dice.random() < 0.3:
        return _built_in(dice)
    if dice.random() < 0.6:
        return Reply(_words(dice, 3) if dice.random() < 0.3 else "", tool=dice.choice(list(TOOLS)))
    asked = (*TOOLS, "book", "sing", "hang_up", "transfer", "collect_digits")
    return Reply(tools=tuple(Use(dice.choice(asked)) for _ in range(dice.randint(2, 4))))


def _built_in(dice: Random) -> Reply:
    """Transfers, to where one may and to where one may not, and digits."""
    words = _words(dice, 5) if dice.random() < 0.5 else ""
    if dice.random() < 0.6:
        destination = dice.choice(("desk", "desk", "night", "cellar", "tel:+19005551234"))
        return Reply(words, tool="transfer", arguments=json.dumps({"destination": destination}))
    wanted = {
        "purpose": "order",
        "prompt": dice.choice(("", "Type it.")),
        "min_digits": dice.choice((1, 3)),
        "max_digits": dice.choice((3, 8)),
        "retries": dice.choice((0, 1)),
        "sensitive": dice.random() < 0.3,
    }
    return Reply(words, tool="collect_digits", arguments=json.dumps(wanted))


def _step(dice: Random) -> Step:
    match dice.randrange(10):
        case 0 | 1 | 2:
            return Say(_words(dice, 3))
        case 3:
            return Say(_words(dice, 2), over=True)
        case 4 | 5:
            keys = "".join(dice.choice("0123456789*#") for _ in range(dice.randrange(1, 5)))
            return Press(keys, gap=dice.choice((0.0, 0.3, 2.5)), over=dice.random() < 0.3)
        case 6:
            return Emit(TEXTS[dice.choice(list(TEXTS))])
        case 7:
            return Wait(dice.choice((0.05, 1.0, 1800.0)), over=True)
        case _:
            return Wait(dice.choice((0.5, 9.0, 45.0)))


def _reply(dice: Random) -> Reply:
    match dice.randrange(10):
        case 9:
            return Reply(_words(dice, 3), lag=dice.choice((2.0, 9.0, 1e6)), failed=dice.random() < 0.3)
        case 8:
            return _use(dice)
        case 0 | 1:
            return Reply(_words(dice, 4), tool="hang_up", arguments='{"reason": "all said"}')
        case 2:
            return Reply(tool="hang_up", arguments=dice.choice(("{}", '{"reason": "done"}', "not json")))
        case 3:
            return Reply(tool="sing")
        case _:
            return Reply(_words(dice, 5))


def _words(dice: Random, at_most: int) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(dice.randint(1, at_most)))
