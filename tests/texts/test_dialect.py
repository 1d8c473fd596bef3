"""What a template may hold: every name is there on every path, or it is refused before anybody calls."""

import pytest

from daemon.errors import TemplateBroken
from daemon.texts.facts import members
from daemon.texts.template import Template
from tests.texts.known import KNOWN, rendered


def why_not(source: str) -> str:
    with pytest.raises(TemplateBroken) as caught:
        Template(source, members(KNOWN))
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Be kind.\n", "Be kind.\n"),
        ("You are {{ agent }}, it is {{ time }}.", "You are support, it is Monday, 21 September 2026, 16:13."),
        ("{{ time.weekday }} {{ time.hour + 1 }}", "Monday 17"),
        ("…{{ caller[-4:] }}", "…0100"),
        ("{{ lookup.name }}/{{ lookup['name'] }}", "Ada/Ada"),
        ("{{ sip.diversion }}", "+18005550177"),
        ("{% if lookup.vip and not anonymous %}VIP{% elif 1 %}-{% else %}no{% endif %}", "VIP"),
        ("{{ 'evening' if time.hour >= 18 else 'day' }}", "day"),
        ("{% set a = 'Ms. ' ~ lookup.name %}{{ a | upper }}", "MS. ADA"),
        ("{% if lookup.vip %}{% set a = 1 %}{% else %}{% set a = 2 %}{% endif %}{{ a }}", "1"),
        ("{% for day in ['Mo', 'Tu'] if day != 'Mo' %}{{ loop.index }}{{ day }}{% else %}none{% endfor %}", "1Tu"),
        ("{% for a, b in [('x', 1)] %}{{ a ~ b }}{% endfor %}", "x1"),
        ("{{ lookup.orders / 2 }} {{ lookup.orders // 2 }} {{ lookup.orders % 2 }} {{ -lookup.orders }}", "1.5 1 1 -3"),
        ("{{ ['a', 'b'] | join(', ') }} {{ 2.345 | round(1) }}", "a, b 2.3"),
        ("{{ caller is string }} {{ '+1' in caller }}", "True True"),
        ("{% raw %}{{ as it stands }}{% endraw %}{# never said #}", "{{ as it stands }}"),
    ],
)
def test_what_a_template_can_say(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ nmae }}", 'line 1: there is no "nmae"'),
        ("\n\n{{ calller }}", 'line 3: there is no "calller"; did you mean "caller"?'),
        ("{{ lookup.nam }}", 'line 1: there is no "nam" in lookup; did you mean "name"?'),
        ("{{ time.hours }}", 'line 1: there is no "hours" in time; did you mean "hour"?'),
        ("{{ sip.x_other }}", 'line 1: there is no "x_other" in sip; there is: diversion'),
        ("{% if anonymous %}{{ nope }}{% endif %}", 'there is no "nope"'),
        ("{% if 0 %}{% set a = 1 %}{% endif %}{{ a }}", 'there is no "a"'),
        ("{% for x in 'ab' %}{% set a = 1 %}{% endfor %}{{ a }}", 'there is no "a"'),
        ("{{ loop.index }}", 'there is no "loop"'),
        ("{{ lookup }}", "name what you want of lookup, such as lookup.name"),
        ("{% set l = lookup %}", "name what you want of lookup"),
        ("{% set caller = 'x' %}", '"caller" has its meaning already'),
        ("{% for loop in 'ab' %}{% endfor %}", '"loop" has its meaning already'),
        ("{% set a.b = 1 %}", "line 1: "),
        ("{{ 'x' if anonymous }}", "an if within a value needs an else"),
        ("{{ caller.region }}", '"caller" is a plain value, there is no "region" in it'),
        ("{{ caller | uper }}", 'there is no filter "uper"; did you mean "upper"?'),
        ("{{ caller is defined }}", 'there is no test "defined"'),
        ("{{ caller", "line 1: unexpected end of template"),
        ("{% if anonymous %}", "line 1: Unexpected end of template"),
        ("{% do x %}", "Encountered unknown tag 'do'"),
        ("# Heading {#anchor}", "Missing end of comment tag"),
    ],
)
def test_a_mistake_is_found_before_anybody_calls(source: str, why: str) -> None:
    assert why in why_not(source)
    assert "\n" not in why_not(source)


def test_a_lookup_that_is_not_configured() -> None:
    with pytest.raises(TemplateBroken, match=r"there is no lookup; give its url and fields in a table"):
        Template("{{ lookup.name }}", {"caller": None})


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__ }}",
        "{{ caller.__class__.__mro__ }}",
        "{{ caller['__class__'] }}",
        "{{ lookup['__class__'] }}",
        "{{ lookup.__class__ }}",
        "{{ time.__init__.__globals__ }}",
        "{{ time['__struct_fields__'] }}",
        "{{ caller | attr('__class__') }}",
        "{{ caller | map(attribute='__class__') | list }}",
        "{{ 'x'.format }}",
        "{{ '{0.__class__}'.format(caller) }}",
        "{{ '%s' | format(caller) }}",
        "{{ self._TemplateReference__context }}",
        "{{ cycler.__init__ }}",
        "{{ lipsum.__globals__['os'] }}",
        "{{ config }}",
        "{{ namespace(a=1) }}",
        "{{ dict(a=1) }}",
        "{{ range(10) }}",
        "{{ joiner() }}",
        "{{ caller.upper() }}",
        "{{ [].append(1) }}",
        "{{ (1, 2)[0] }}",
        "{{ {'a': 1} }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 2 ** 99999999 }}",
        "{{ 'x' | center(1000000000) }}",
        "{{ 'x' | indent(1000000000) }}",
        "{{ 'x' | wordwrap(1) }}",
        "{{ 'x' | replace('x', 'xx') }}",
        "{{ caller | upper(*[1]) }}",
        "{{ caller | default(**{}) }}",
        "{% include 'secrets' %}",
        "{% include '/etc/passwd' ignore missing %}",
        "{% import 'x' as x %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block x %}{% endblock %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% call m() %}{% endcall %}",
        "{% filter upper %}x{% endfilter %}",
        "{% set x %}x{% endset %}",
        "{% with a = 1 %}{% endwith %}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% for x in [1] %}{{ loop.changed(x) }}{% endfor %}",
        "{% for x in [1] %}{{ loop.cycle('a') }}{% endfor %}",
        "{% set ns.x = 1 %}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "-" * 5000 + "1 }}",
        "{% if 1 %}" * 200 + "{% endif %}" * 200,
        "x" * 256_001,
    ],
    ids=range(51),
)
def test_attacks_don_t_get_as_far_as_being_run(attack: str) -> None:
    assert why_not(attack)
