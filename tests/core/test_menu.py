"""Menus: keys that do something by themselves, while the agent speaks too."""

import json
from collections.abc import Mapping

import pytest

from daemon.core.agent import Agent, KeypadRules, ToolRules
from daemon.core.commands import HangUp, RunTool
from daemon.core.effects import ToolUse
from daemon.core.frames import ItemCreate, ResponseCancel, ResponseCreate, SessionSettings, data, spoken_exactly
from daemon.core.goodbye import HANG_UP
from daemon.core.journal import (
    DigitsCollected,
    GoodbyeInterrupted,
    GoodbyeSaid,
    HangUpAsked,
    KeyPressed,
    MenuChosen,
    ToolCalled,
    ToolEnded,
)
from daemon.core.menu import Action, EndCall, Menu, SayWords, TransferTo, UseTool, kind, meaning, read_action
from daemon.core.transfers import CALLED_OFF, transfer_tool
from tests.core.playbook import WAKE, Gave, Playbook
from tests.core.scenes import (
    SPEECH_STARTED,
    TURN,
    agent,
    answered,
    done,
    key,
    like,
    output,
    says,
    tool,
    turn,
)

ACTIONS: Mapping[str, Action] = {
    "0": TransferTo("desk"),
    "*9": EndCall(),
    "1": SayWords("We open at nine."),
    "2": UseTool("hours"),
    "3": SayWords("Three."),
    "31": SayWords("Thirty-one."),
}
SHOP = like(
    Agent(name="shop", session=SessionSettings(tools=(HANG_UP, transfer_tool({"desk": ""})))),
    keypad=KeypadRules(menu=dict(ACTIONS)),
    tools={"hours": ToolRules()},
    transfers=("desk",),
    transfer_words="One moment.",
    goodbye="Goodbye.",
)
FOUR = KeyPressed(digit="4")
CANCEL = ResponseCancel(response_id="r1")
SAYS = spoken_exactly("We open at nine.")


def pressed(keys: str) -> tuple[KeyPressed, MenuChosen]:
    return KeyPressed(digit=keys[-1]), MenuChosen(keys=keys, action=kind(ACTIONS[keys]))


def told(keys: str) -> ItemCreate:
    content = {"caller_pressed": keys, "so": meaning(ACTIONS[keys])}
    return data(json.dumps(content, separators=(",", ":")))


def refer(use_id: str = "cw-use-1") -> RunTool:
    return RunTool(ToolUse(id=use_id, name="transfer", arguments='{"destination":"desk"}'))


def speaking() -> Playbook:
    """Since second 1 the agent says something long."""
    call = answered(SHOP)
    call.at(1.0, TURN)
    call.at(1.0, says("We sell"), agent("We sell"))
    return call


# Each action


def test_a_key_that_says_something() -> None:
    call = answered(SHOP)
    call.at(1.0, key("1"), *pressed("1"), told("1"), SAYS)


def test_it_works_while_the_agent_speaks() -> None:
    call = speaking()
    call.at(2.0, key("1"), *pressed("1"), CANCEL, told("1"), SAYS)
    call.at(2.1, done(status="cancelled", response="r1"))
    call.at(2.2, turn("r2"))
    call.at(2.3, says("We open at nine.", "a2"), agent("We open at nine.", "a2"))
    call.at(3.0, done(1.5, response="r2"))


def test_words_that_may_not_be_cut_short_are_not() -> None:
    call = answered(SHOP)
    call.conversation._turns.fixed_words.send(interruptible=False)
    call.at(1.0, TURN)
    call.at(1.0, says("Calls are"), agent("Calls are"))
    call.at(2.0, key("1"), *pressed("1"), told("1"), SAYS)


def test_a_key_that_hangs_up_says_goodbye_first() -> None:
    call = speaking()
    call.at(2.0, key("*"), KeyPressed(digit="*"))
    call.at(2.5, key("9"), *pressed("*9"), CANCEL, told("*9"), spoken_exactly("Goodbye."))
    call.at(2.6, done(status="cancelled", response="r1"))
    call.at(2.7, turn("r2"))
    call.at(2.7, says("Goodbye.", "a2"), agent("Goodbye.", "a2"))
    call.at(3.0, done(1.0, response="r2"))
    call.at(4.2, WAKE, GoodbyeSaid(), HangUp(("hang_up by a key",)))


def test_who_speaks_into_that_goodbye_stays() -> None:
    call = answered(SHOP)
    call.at(2.0, key("*"), KeyPressed(digit="*"))
    call.at(2.5, key("9"), *pressed("*9"), told("*9"), spoken_exactly("Goodbye."))
    call.at(3.0, SPEECH_STARTED, GoodbyeInterrupted())


def test_without_a_goodbye_it_hangs_up_at_once() -> None:
    call = answered(like(SHOP, goodbye=""))
    call.at(2.0, key("*"), KeyPressed(digit="*"))
    call.at(2.5, key("9"), *pressed("*9"), told("*9"), HangUp(("hang_up by a key",)))


def test_a_key_that_transfers() -> None:
    call = speaking()
    call.at(2.0, key("0"), *pressed("0"), told("0"), CANCEL, ToolCalled(name="transfer"), spoken_exactly("One moment."))
    call.at(2.1, done(status="cancelled", response="r1"))
    call.at(2.2, turn("r2"))
    call.at(2.2, says("One moment.", "a2"), agent("One moment.", "a2"))
    call.at(2.5, done(1.0, response="r2"))
    call.at(3.7, WAKE, refer())
    gave = '{"transferred":false,"why":"Nobody answered."}'
    ended = ToolEnded(name="transfer", seconds=28.0, ok=False, why="timed_out")
    text = f'{{"used":"transfer","by":"a key or a rule","output":{gave}}}'
    call.at(30.0, Gave("cw-use-1", gave, "timed_out"), ended, data(text, "cw-use-1"))
    call.at(30.0, WAKE, ResponseCreate())


def test_who_speaks_into_its_words_is_transferred_at_once() -> None:
    call = answered(SHOP)
    call.at(2.0, key("0"), *pressed("0"), told("0"), ToolCalled(name="transfer"), spoken_exactly("One moment."))
    call.at(3.0, SPEECH_STARTED)
    call.at(3.0, WAKE, refer())


def test_a_key_that_transfers_does_so_once() -> None:
    call = answered(like(SHOP, transfer_words=""))
    call.at(2.0, key("0"), *pressed("0"), told("0"), ToolCalled(name="transfer"))
    call.at(2.0, key("0"), *pressed("0"))
    call.at(2.0, WAKE, refer())
    call.at(5.0, key("0"), *pressed("0"))


def test_it_goes_before_what_the_model_wished_for() -> None:
    call = answered(SHOP)
    call.at(1.0, TURN)
    call.at(1.0, says("Desk it is."), agent("Desk it is."))
    call.at(1.5, tool("transfer", "c1", '{"destination": "desk"}'), ToolCalled(name="transfer"))
    off = (ToolEnded(name="transfer", seconds=0.5, ok=False, why="called off"),)
    begins = (ToolCalled(name="transfer"), spoken_exactly("One moment."))
    call.at(2.0, key("0"), *pressed("0"), told("0"), *off, CANCEL, *begins)
    call.at(2.1, done(status="cancelled", response="r1"), output(CALLED_OFF))
    call.at(2.2, turn("r2"))
    call.at(2.2, says("One moment.", "a2"), agent("One moment.", "a2"))
    call.at(2.5, done(1.0, response="r2"))
    call.at(3.7, WAKE, refer())


def test_a_key_that_runs_a_tool_has_the_model_tell_what_it_gave() -> None:
    call = answered(SHOP)
    use = ToolUse(id="cw-use-1", name="hours", arguments="{}")
    call.at(1.0, key("2"), *pressed("2"), told("2"), ToolCalled(name="hours"), RunTool(use))
    ended = ToolEnded(name="hours", seconds=1.0, ok=True, why="")
    text = '{"used":"hours","by":"a key or a rule","output":{"open":9}}'
    call.at(2.0, Gave("cw-use-1", '{"open":9}'), ended, data(text, "cw-use-1"))
    call.at(4.0, WAKE, ResponseCreate())
    call.at(5.0, key("2"), *pressed("2"), told("2"), ToolCalled(name="hours"), _again(use))


def _again(use: ToolUse) -> RunTool:
    return RunTool(ToolUse(id="cw-use-2", name=use.name, arguments=use.arguments))


# Which keys


def test_a_key_within_an_entry_is_part_of_it() -> None:
    call = answered(SHOP)
    call.at(1.0, key("4"), FOUR)
    call.at(1.5, key("0"), KeyPressed(digit="0"))
    call.at(4.0, WAKE, DigitsCollected(digits="40", count=2, trigger="idle"))
    call.at(5.0, key("0"), *pressed("0"), told("0"), ToolCalled(name="transfer"), spoken_exactly("One moment."))


def test_of_two_keys_that_begin_alike_time_tells() -> None:
    call = answered(SHOP)
    call.at(1.0, key("3"), KeyPressed(digit="3"))
    call.at(3.5, WAKE, MenuChosen(keys="3", action="say"), told("3"), spoken_exactly("Three."))
    call.at(5.0, key("3"), KeyPressed(digit="3"))
    call.at(6.0, key("1"), *pressed("31"), told("31"), spoken_exactly("Thirty-one."))
    call.at(7.0, key("3"), KeyPressed(digit="3"))
    chosen = (MenuChosen(keys="3", action="say"), told("3"), spoken_exactly("Three."))
    call.at(7.5, key("#"), KeyPressed(digit="#"), *chosen)
    call.at(8.0, key("3"), KeyPressed(digit="3"))
    call.at(8.2, key("4"), FOUR)
    call.at(8.4, SPEECH_STARTED, DigitsCollected(digits="34", count=2, trigger="speech"))


def test_a_key_of_the_menu_takes_back_a_goodbye_of_the_models() -> None:
    call = answered(SHOP)
    call.at(1.0, TURN)
    call.at(1.0, says("Goodbye."), agent("Goodbye."))
    call.at(1.0, tool("hang_up", "w1"), HangUpAsked(reason=""))
    call.at(1.2, done(2.0, response="r1"))
    back = (GoodbyeInterrupted(), output('{"ended":false,"why":"The caller is speaking again."}', "w1"))
    call.at(1.5, key("1"), KeyPressed(digit="1"), *back, *pressed("1")[1:], told("1"), SAYS)


def test_where_keys_are_hidden_so_are_those_of_the_menu() -> None:
    call = answered(like(SHOP, keypad=KeypadRules(menu=dict(ACTIONS), sensitive=True)))
    content = {"caller_pressed": "a key", "so": meaning(ACTIONS["1"])}
    text = json.dumps(content, separators=(",", ":"))
    chosen = MenuChosen(keys=None, action="say")
    call.at(1.0, key("1"), KeyPressed(digit=None), chosen, data(text), SAYS)


def test_a_turn_that_the_same_key_set_off_has_not_seen_what_was_sent() -> None:
    call = answered(SHOP)
    call.at(1.0, key("2"), *pressed("2"), told("2"), ToolCalled(name="hours"), RunTool(_use()))
    call.at(1.2, Gave("cw-use-1"), ToolEnded(name="hours", seconds=1.2 - 1.0, ok=True, why=""), _gave())
    call.at(1.5, TURN)  # the platform's, set off by the key
    call.at(1.6, done(response="r1"))
    call.at(1.6, WAKE, ResponseCreate())
    call.at(2.5, turn("r2"))
    call.at(2.6, done(response="r2"))


def _use() -> ToolUse:
    return ToolUse(id="cw-use-1", name="hours", arguments="{}")


def _gave() -> ItemCreate:
    return data('{"used":"hours","by":"a key or a rule","output":{}}', "cw-use-1")


# The pieces


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("transfer:desk", TransferTo("desk")),
        ("transfer: desk ", TransferTo("desk")),
        ("hang_up", EndCall()),
        ("say:We open at nine: always.", SayWords("We open at nine: always.")),
        ("tool:hours", UseTool("hours")),
    ],
)
def test_actions_are_read(text: str, action: Action) -> None:
    assert read_action(text) == action


@pytest.mark.parametrize("text", ["", "hang_up:now", "transfer", "transfer:", "say: ", "tool:", "dial:123", "hangup"])
def test_what_is_no_action(text: str) -> None:
    with pytest.raises(ValueError, match=r'expected "transfer:DESTINATION", "hang_up", "say:TEXT" or "tool:NAME"'):
        read_action(text)


def test_an_empty_menu_has_no_keys() -> None:
    menu = Menu({})
    assert menu.at_once("") is None
    assert menu.action("") is None
    assert menu.action("1") is None


def test_what_it_means_is_told_in_words() -> None:
    assert [meaning(action).partition(".")[0] for action in ACTIONS.values()][:3] == [
        "The caller is being connected to desk now",
        "The caller ends the call with it; a goodbye is being said",
        "The caller is told this with it, so don't repeat it: We open at nine",
    ]
