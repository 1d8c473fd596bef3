"""Played again: the same build and configuration do the same, another one does exactly what it does differently."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from daemon.config import Agent, Config, Keypad
from daemon.replay.difference import Difference
from daemon.sandbox.demo import DEMO
from daemon.sandbox.script import Drop, Press, Reply, Say, Script, Wait
from daemon.tools.base import Tool
from tests.calls.tools import Worker, with_tools
from tests.calls.world import World
from tests.configured import configuration
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
