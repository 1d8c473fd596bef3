import trio
from trio.testing import MockClock

from daemon.sandbox.cues import Cues
from daemon.sandbox.script import IDLE_REPLY, Leave, Reply, Say, Script

ONE, TWO = Reply("one"), Reply("two")
SCRIPT = Script(steps=(Say("a"), Say("b"), Leave()), replies=(ONE, TWO), cues=(0, 1, 2))


async def test_steps_wait_for_the_turns_before_them(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    cues = Cues(SCRIPT)

    async def talk() -> None:
        for delay in (1.0, 2.0):
            await trio.sleep(delay)
            cues.begins(cues.take(None))

    nursery.start_soon(talk)
    times = []
    for step in range(4):
        await cues.come(step)
        times.append(trio.current_time())
    assert times == [0.0, 1.0, 3.0, 3.0]


async def test_fixed_words_are_no_turn_of_the_script(autojump_clock: MockClock) -> None:
    cues = Cues(SCRIPT)
    cues.begins(Reply("one"))  # a greeting that says the same
    with trio.move_on_after(5) as patience:
        await cues.come(1)
    assert patience.cancelled_caught


def test_turns_that_no_script_gives() -> None:
    cues = Cues(SCRIPT)
    assert [cues.take(None) for _ in range(4)] == [ONE, TWO, IDLE_REPLY, IDLE_REPLY]
    assert cues.made_up == 2
    assert Cues(Script(), lambda last: Reply(f"after {last}")).take({"a": 1}) == Reply("after {'a': 1}")


def test_what_is_left_for_a_later_session() -> None:
    cues = Cues(SCRIPT)
    assert cues.left(0) == SCRIPT
    cues.take(None)
    assert cues.left(1) == Script(steps=(Say("b"), Leave()), replies=(TWO,), cues=(0, 1))
