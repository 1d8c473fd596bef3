"""Played again: the same build and configuration do the same, another one does exactly what it does differently."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.calls.roles import roles_in
from daemon.config import Agent, Config, Keypad
from daemon.config.lookups import Lookup
from daemon.core.conversation import Conversation
from daemon.core.effects import Effect, ToolUse
from daemon.core.incoming import IncomingCall
from daemon.core.inputs import Adopted, Input, Instructed, Resumed, apply
from daemon.core.recording import Opened, encode_line
from daemon.core.scribe import Scribe
from daemon.replay.difference import Difference
from daemon.sandbox.demo import DEMO
from daemon.sandbox.script import Drop, Emit, Press, Reply, Say, Script, Wait
from daemon.tools.base import Answer, Tool
from tests.calls.tools import Worker, with_tools
from tests.calls.world import World
from tests.configured import CALLER, configuration
from tests.recorded import MemoryRecorder, differing

CONFIG = configuration(agent=Agent(instructions="Help.", greeting="Welcome."))


async def recorded(config: Config, script: Script, *, tools: Mapping[str, Tool] | None = None) -> bytes:
    """Play one call to its end; gives its recording."""
    recorder = MemoryRecorder()
    async with trio.open_nursery() as nursery:
        world = World(config, nursery, tools=tools, recorder=recorder)
        await world.start()
        await world.offer(world.dial(script)).verdict()
        await world.supervisor.idle()
        world.stop()
    (text,) = recorder.texts.values()
    return text


def changed(config: Config = CONFIG, **keys: object) -> Config:
    """The same with other keys of the agent."""
    agents = {name: msgspec.structs.replace(agent, **keys) for name, agent in config.agents.items()}
    return msgspec.structs.replace(config, agents=agents)


def when(found: Difference) -> float:
    act = found.now or found.then
    assert act is not None
    return act.at


def seen(text: bytes, config: Config) -> list[tuple[Any, ...]]:
    """The differences in short: kind, when now, what has changed."""
    return [
        (
            found.kind,
            round(when(found), 1),
            *[(change.path, change.then, change.now) for change in found.changes],
        )
        for found in differing(text, config)
    ]


async def test_the_demo_with_the_same_configuration(autojump_clock: MockClock) -> None:
    assert differing(await recorded(CONFIG, DEMO), CONFIG) == []


async def test_another_greeting_is_exactly_that_difference(autojump_clock: MockClock) -> None:
    text = await recorded(CONFIG, DEMO)
    words = ("frame.item.content.0.text", "Welcome.", "Good morning.")
    assert seen(text, changed(greeting="Good morning.")) == [("changed", 0.0, words)]


async def test_no_greeting_is_one_thing_less_though_every_frame_has_another_number(autojump_clock: MockClock) -> None:
    text = await recorded(CONFIG, DEMO)
    (found,) = differing(text, changed(greeting=""))
    assert found.kind == "gone"
    assert found.then is not None
    assert found.then.wanted["frame"]["item"]["type"] == "force_message"


async def test_other_instructions_and_another_voice(autojump_clock: MockClock) -> None:
    text = await recorded(CONFIG, DEMO)
    (found,) = seen(text, changed(instructions="Hurry.", voice="ara"))
    assert found[0] == "changed"
    assert set(found[2:]) == {
        ("frame.session.instructions", "Help.", "Hurry."),
        ("frame.session.voice", "eve", "ara"),
    }


async def test_an_agent_that_may_not_hang_up(autojump_clock: MockClock) -> None:
    text = await recorded(CONFIG, DEMO)
    kinds = [found.kind for found in differing(text, changed(tools=()))]
    # It is told that there is no such tool; the recording ends before the call would be ended by a rule.
    assert kinds == ["changed", "changed", "gone", "gone"]


async def test_silence_that_is_broken_earlier_or_never(autojump_clock: MockClock) -> None:
    script = Script(steps=(Say("one moment"), Wait(50.0)), replies=(Reply("Take your time."),))
    config = changed(silence_timeout=20.0, check_in="Hello?", goodbye="")
    text = await recorded(config, script)
    assert differing(text, config) == []
    kind, at = seen(text, changed(config, silence_timeout=15.0))[0]
    assert kind == "moved"
    assert at == pytest.approx(16.5, abs=0.3)
    assert [found.kind for found in differing(text, changed(config, silence_timeout=0.0))] == ["gone", "gone"]


async def test_tools_give_what_they_gave_and_are_not_run(autojump_clock: MockClock) -> None:
    config = with_tools("find", config=CONFIG)
    find = Worker(seconds=3.0)
    script = Script(
        steps=(Say("find it"), Say("thanks")),
        replies=(Reply(tool="find", arguments='{"a":1}'), Reply("Here."), Reply("Bye.", tool="hang_up")),
    )
    text = await recorded(config, script, tools={"find": find})
    assert differing(text, config) == []
    assert len(find.began) == 1
    without = msgspec.structs.replace(config, agents=CONFIG.agents, tools={})
    found = differing(text, without)
    assert [each.kind for each in found if each.then and each.then.wanted["kind"] == "RunTool"] == ["gone"]


async def test_a_broken_line_and_keys(autojump_clock: MockClock) -> None:
    script = Script(
        steps=(Press("12"), Wait(4.0), Drop(1011), Say("and again"), Press("3#")),
        replies=(Reply("Twelve."), Reply("Again."), Reply("Bye.", tool="hang_up")),
    )
    config = changed(keypad=Keypad(sensitive=True))
    text = await recorded(config, script)
    assert text.count(b'"input":"resumed"') == 1
    assert differing(text, config) == []
    assert [each.kind for each in differing(text, changed(config, voice="ara"))] == ["changed", "changed"]


async def test_secret_keys_are_in_no_recording(autojump_clock: MockClock) -> None:
    script = Script(steps=(Press("8675309#"),), replies=(Reply("Thank you.", tool="hang_up"),))
    config = changed(keypad=Keypad(sensitive=True))
    text = await recorded(config, script)
    assert text.count(b'"event":"9"') == 7
    assert not any(b'"event":"%d"' % digit in text for digit in range(9))
    assert differing(text, config) == []


async def test_what_is_collected_in_secret_comes_back_nowhere(autojump_clock: MockClock) -> None:
    agent = Agent(instructions="Help.", tools=("hang_up", "collect_digits", "pay"))
    config = with_tools("pay", config=configuration(agent=agent))
    config = changed(config, tools=agent.tools)
    script = Script(
        steps=(Say("I pay by card"), Press("4711#"), Say("forty seven eleven it was")),
        replies=(
            Reply(tool="collect_digits", arguments='{"purpose": "card", "sensitive": true}'),
            Reply("You typed 4 7 1 1, that is 4711.", tool="pay", arguments='{"card": "4711", "also": 4711}'),
            Reply("Bye.", tool="hang_up", arguments='{"reason": "paid with 4711"}'),
        ),
    )

    async def echo(use: ToolUse) -> Answer:
        await trio.lowlevel.checkpoint()
        return Answer('{"charged": "4711"}')

    text = await recorded(config, script, tools={"pay": Worker(seconds=1.0, work=echo)})
    assert b"4711" not in text
    assert b"4 7 1 1" not in text
    assert text.count(b"paid with") == 3  # what it asked for, what came of it, the end
    assert differing(text, config) == []


REFUSED = '{"type":"error","error":{"type":"invalid_request_error","message":"no","event_id":"cw-NUMBER"}}'


async def test_what_the_platform_complains_of_is_the_same_frame_whatever_its_number(autojump_clock: MockClock) -> None:
    # The greeting is the second frame, so the session of the second line is configured with the third.
    frame = REFUSED.replace("NUMBER", "3")
    script = Script(steps=(Wait(2.0), Drop(1011), Wait(2.0), Emit(frame)))
    text = await recorded(CONFIG, script)
    assert b"session.update refused by the platform" in text
    assert differing(text, CONFIG) == []
    # Without a greeting it is the second one, and still the one that was refused.
    assert [found.kind for found in differing(text, changed(greeting=""))] == ["gone"]


async def test_a_complaint_about_a_frame_that_would_not_be_sent_is_about_none(autojump_clock: MockClock) -> None:
    script = Script(steps=(Wait(2.0), Emit(REFUSED.replace("NUMBER", "1"))))
    text = await recorded(CONFIG, script)
    kinds = [found.kind for found in differing(text, changed(voice="ara"))]
    assert kinds == ["changed", "gone"]  # the other configuration may not have been refused


def test_a_call_that_was_taken_over_and_whose_caller_is_known_late() -> None:
    """Written by hand, as only a second daemon meets it."""
    lookup = Lookup(url="https://crm.example.com/{caller}", fields={"name": "/name"})
    agent = Agent(instructions="Help {{ lookup.name or 'somebody' }} at {{ time.hour }}.", lookup=lookup)
    config = configuration(agent=agent)
    incoming = IncomingCall(call_id="c", webhook_id="", called=None, caller=CALLER, created_at=None, received_at=0.0)
    role, scribe = roles_in(config)["support"], Scribe()
    talk = Conversation(role.play(incoming, 3600.0), ready_timeout=10.0)
    effect = Effect(use=ToolUse(id="u", name="x", arguments="{}"), output="5")
    words = role.play(incoming, 7200.0, {"name": "Ada"}).session.instructions or ""
    given: list[tuple[float, Input]] = [
        (5.0, Adopted(age=60.0, effects=(effect,))),
        (6.0, Instructed(instructions=words, document={"name": "Ada"}, at=7200.0)),
        (7.0, Resumed()),
    ]
    opened = Opened(
        now=5.0, format=1, build="0.1.0", call_id="c", agent="support", called=None, caller=CALLER, at=3600.0
    )
    text = encode_line(opened)
    for now, each in given:
        text += encode_line(scribe.fed(each, apply(talk, each, now), now, talk.deadline))
    assert b"Help somebody at 1." in text
    assert b"Help Ada at 2." in text
    assert differing(text, config) == []
    other = configuration(agent=Agent(instructions="{{ lookup.name }}!", lookup=lookup))
    words_now = [found.changes[0].now for found in differing(text, other)]
    assert words_now == ["!", "Ada!", "Ada!"]
