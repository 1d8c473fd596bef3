import msgspec
import pytest

from daemon.texts.facts import Facts, Known, members, names, spelled
from tests.texts.known import FACTS, KNOWN, rendered


def test_what_there_is_and_what_is_given_is_the_same() -> None:
    for known in (KNOWN, Known(), Known(fields=frozenset())):
        assert set(members(known)) == set(names(FACTS, known))


def test_numbers_that_are_not_known() -> None:
    withheld = msgspec.structs.replace(FACTS, caller=None, called=None, numbers={})
    text = rendered("{{ caller }}, {{ called }}, {{ sip.diversion }}, {{ anonymous }}", withheld)
    assert text == "unknown, unknown, unknown, True"


def test_without_a_lookup_there_is_none() -> None:
    assert "lookup" not in names(Facts(agent="a", caller=None, called=None, at=0.0), Known())


@pytest.mark.parametrize(
    ("header", "name"), [("X-Customer-Id", "x_customer_id"), ("Diversion", "diversion"), ("P-X9", "p_x9")]
)
def test_headers_as_templates_spell_them(header: str, name: str) -> None:
    assert spelled(header) == name
