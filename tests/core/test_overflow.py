"""Overflow plans: steps as they are written, and what they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.overflow import Announce, Refer, Refuse, Step, read_plan, read_step
from tests.core.contract import thoroughly

FORMS = '^expected "refuse", "refer:DESTINATION" or "announce:TEXT"$'


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("refuse", Refuse()),
        ("refer:front_desk", Refer("front_desk")),
        ("refer: front_desk ", Refer("front_desk")),
        ("announce:All lines are busy.", Announce("All lines are busy.")),
        ("announce: All lines are busy.\n", Announce("All lines are busy.")),
        ("announce:We open at 9:30: call then.", Announce("We open at 9:30: call then.")),
        ("announce:refuse", Announce("refuse")),
        ("announce:refer:front_desk", Announce("refer:front_desk")),
    ],
)
def test_a_step(text: str, step: Step) -> None:
    assert read_step(text) == step


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        ":front_desk",
        "refuse:",
        "refuse: ",
        "refuse:now",
        " refuse",
        "refuse ",
        "Refuse",
        "refer",
        "refer:",
        "refer: \t",
        "refer front_desk",
        "refer :front_desk",
        "announce",
        "announce:",
        "announce: \n",
        "hang_up",
        "transfer:front_desk",
    ],
)
def test_no_step(text: str) -> None:
    with pytest.raises(ValueError, match=FORMS):
        read_step(text)


def test_a_plan_keeps_its_order() -> None:
    steps = ("refer:desk", "refer:night", "announce:Busy.", "refuse")
    assert read_plan(steps) == (Refer("desk"), Refer("night"), Announce("Busy."), Refuse())
    assert read_plan(()) == ()


@thoroughly
@given(st.text() | st.from_regex(r"(refuse|refer|announce)?\s*:?.*"))
def test_nothing_empty_gets_through(text: str) -> None:
    try:
        step = read_step(text)
    except ValueError:
        return
    match step:
        case Refuse():
            assert text == "refuse"
        case Refer(rest) | Announce(rest):
            assert rest
            assert rest == rest.strip()
