"""Every input ends up where it belongs."""

from daemon.core import events as ev
from daemon.core.agent import ToolRules
from daemon.core.commands import Remember, RunTool, SendFrame
from daemon.core.conversation import Conversation
from daemon.core.effects import Effect, ToolUse
from daemon.core.frames import FunctionCallOutput, ItemCreate, SessionUpdate
from daemon.core.inputs import Adopted, Instructed, Received, Resumed, Started, ToolDone, Woken, apply
from daemon.core.journal import CheckedIn, ToolEnded
from tests.core.scenes import PLAIN, like

USE = ToolUse(id="fc-1", name="find", arguments="{}")


def test_each_of_them() -> None:
    agent = like(PLAIN, silence_timeout=30.0, check_in="Hello?", tools={"find": ToolRules()})
    talk = Conversation(agent, ready_timeout=10.0)
    (update, *_) = apply(talk, Started(), 0.0)
    assert isinstance(update, SendFrame)
    assert isinstance(update.frame, SessionUpdate)
    apply(talk, Received(event=ev.SessionUpdated()), 1.0)
    called = ev.FunctionCalled(call_id="fc-1", name="find", arguments="{}")
    assert RunTool(USE) in apply(talk, Received(event=called), 1.0)
    ended, *_ = apply(talk, ToolDone(use_id="fc-1", output="{}", why="late"), 2.0)
    assert ended == Remember(ToolEnded(name="find", seconds=1.0, ok=False, why="late"))
    assert Remember(CheckedIn()) in apply(talk, Woken(), 40.0)
    (told,) = apply(talk, Instructed(instructions="Take your time."), 41.0)
    assert isinstance(told, SendFrame)
    (update, *_) = apply(talk, Resumed(), 42.0)
    assert isinstance(update, SendFrame)
    assert isinstance(update.frame, SessionUpdate)
    assert update.frame.session.instructions == "Take your time."


def test_a_call_that_was_somebody_elses() -> None:
    talk = Conversation(PLAIN, ready_timeout=10.0)
    commands = apply(talk, Adopted(age=5.0, effects=(Effect(use=USE, output='{"a":1}'),)), 0.0)
    items = [each.frame.item for each in commands if isinstance(each, SendFrame) and isinstance(each.frame, ItemCreate)]
    assert items == [FunctionCallOutput(call_id="fc-1", output='{"a":1}')]
