"""Looking for words in transcripts: words, and never a query, on both engines."""

from contextlib import suppress
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.ledger.engine import Engines
from daemon.ledger.listing import Wanted, list_calls
from daemon.ledger.retention import prune
from daemon.ledger.schema import turns
from daemon.ledger.search import MOST_WORDS, first_turns, words_of
from tests.ledger.filled import Ledger


@pytest.fixture
def ledger(engines: Engines) -> Ledger:
    """Three calls with something said in them."""
    ledger = Ledger(engines)
    ledger.node()
    for call_id, words in {
        "order": "Where is my order? I don't have it.",
        "invoice": "My invoice is wrong, NOT my order!",
        "umlaut": "Grüße aus Zürich OR Bern",
    }.items():
        ledger.claim(call_id)
        ledger.said(call_id, "agent", "How can I help?")
        ledger.said(call_id, "caller", words)
        ledger.pass_time(1)
    return ledger


def found(ledger: Ledger, text: str) -> set[str]:
    wanted = Wanted(words=tuple(words_of(text)))
    return {call.call_id for call in ledger.run(partial(list_calls, wanted=wanted))}


FOUND = [
    ("order", {"order", "invoice"}),
    ("ORDER", {"order", "invoice"}),
    ("order where", {"order"}),
    ("help order", set()),  # not in one turn
    ("help", {"order", "invoice", "umlaut"}),
    ("zürich", {"umlaut"}),
    ("don't", {"order"}),
    ("nothing", set()),
    # Nothing of this is a query.
    ("NOT order", {"invoice"}),
    ("Zürich OR Bern", {"umlaut"}),
    ("where OR invoice", set()),
    ("order*", {"order", "invoice"}),
    ("ord*", set()),
    ('"order', {"order", "invoice"}),
    ('or"der', set()),
    ("(order", {"order", "invoice"}),
    ("order)", {"order", "invoice"}),
    ("words:order", set()),
    ("^order", {"order", "invoice"}),
    ("order & invoice", {"invoice"}),
    ("!order", {"order", "invoice"}),
    ("order <-> where", {"order"}),
    ("order -invoice", {"invoice"}),
    ("'; DROP TABLE turns; --order", set()),
]


def test_what_is_found(ledger: Ledger) -> None:
    assert {text: found(ledger, text) for text, _ in FOUND} == dict(FOUND)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("\"'*()^:!&|<>-+\\{}[]%_NEAR "), max_size=40
    )
)
def test_anything_at_all_may_be_looked_for(ledger: Ledger, text: str) -> None:
    with suppress(ValueError):  # there may be no word in it
        found(ledger, text)


@pytest.mark.parametrize("text", ["", "   ", "***", '"" ""', "-- :: !!", "\0"])
def test_what_holds_no_word(text: str) -> None:
    with pytest.raises(ValueError, match="no word"):
        words_of(text)


def test_as_many_words_as_are_allowed(ledger: Ledger) -> None:
    assert found(ledger, "order " * MOST_WORDS) == {"order", "invoice"}
    with pytest.raises(ValueError, match="more than"):
        words_of("order " * (MOST_WORDS + 1))


def test_where_it_was_said_first(ledger: Ledger) -> None:
    ledger.said("order", "caller", "My order, please")
    search = partial(first_turns, words=["order"], call_ids=["order", "umlaut"])
    assert ledger.run(search) == {"order": "Where is my order? I don't have it."}


def test_the_search_keeps_in_step(ledger: Ledger) -> None:
    turn = ledger.said("order", "caller", "I want to cancel", final=False)
    assert found(ledger, "cancel") == {"order"}
    ledger.run(lambda c: c.execute(turns.update().where(turns.c.id == turn).values(words="I want to complain")))
    assert found(ledger, "cancel") == set()
    assert found(ledger, "complain") == {"order"}
    ledger.end("order")
    ledger.pass_time(10)
    assert ledger.run(partial(prune, older_than=5)) == 1
    assert found(ledger, "complain") == set()
    assert found(ledger, "order") == {"invoice"}
