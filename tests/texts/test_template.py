"""Templates at work: bounded in time and length, and a value is a value whatever is in it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import TemplateBroken
from daemon.texts.facts import Facts
from tests.texts.known import FACTS, rendered


def given_name(name: str) -> Facts:
    return msgspec.structs.replace(FACTS, fields={**FACTS.fields, "name": name})


@given(st.text())
def test_a_value_is_put_in_as_it_is(name: str) -> None:
    assert rendered("<{{ lookup.name }}>", given_name(name)) == f"<{name}>"


@pytest.mark.parametrize("name", ["{{ caller }}", "{% include 'x' %}", "{# x", "{{ ''.__class__ }}", "%s {0} ${x}"])
def test_a_value_is_never_read_as_a_template(name: str) -> None:
    assert rendered("{{ lookup.name }}|{{ lookup.name ~ '' }}", given_name(name)) == f"{name}|{name}"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{% for a in lookup.name %}" * 6 + "x" + "{% endfor %}" * 6, "its loops take more than 10000 steps"),
        ("{% for a in lookup.name %}" * 6 + "{% endfor %}" * 6, "its loops take more than 10000 steps"),
        ("{% set a = lookup.name %}" + "{% set a = a ~ a %}" * 40, "it becomes longer than 256000 characters"),
        ("{% set a = lookup.name %}" + "{% set a = [a, a] | join(a) %}" * 30, "it becomes longer than 256000 char"),
        ("{% set a = lookup.name ~ lookup.name %}{% for b in a %}{{ a }}{% endfor %}" * 9, "it becomes longer than"),
        ("{{ lookup.name + lookup.name }}", "line 1: + is for numbers; texts are joined with ~"),
        ("{{ '%1000000000d' % lookup.orders }}", "% is for numbers"),
        ("\n{{ 1 / (lookup.orders - 3) }}", "line 2: division by zero"),
        ("{{ lookup.name > 1 }}", "line 1: '>' not supported between instances of 'str' and 'int'"),
        ("{{ lookup.orders | length }}", "line 1: object of type 'int' has no len()"),
        ("{{ lookup.name | truncate(1) }}", "line 1: expected length >= 3, got 1"),
        ("{{ lookup.name | round }}", "line 1: "),
        ("{% for x in lookup.orders %}{% endfor %}", "line 1: 'int' object is not iterable"),
    ],
)
def test_what_goes_wrong_is_one_line_with_its_place(source: str, why: str) -> None:
    with pytest.raises(TemplateBroken) as caught:
        rendered(source, given_name("x" * 200))
    assert why in str(caught.value)
    assert "x" * 20 not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rounding_to_a_billion_digits_takes_no_time() -> None:
    assert rendered("{{ 5 | round(-9999999999) }} {{ 2.5 | round(9999999999) }}") == "0 2.5"


def test_two_renderings_have_nothing_to_do_with_each_other() -> None:
    source = "{% for a in lookup.name %}{{ a }}{% endfor %}"
    for _ in range(30):
        assert rendered(source, given_name("x" * 500)) == "x" * 500
