"""What happened, held against what was expected: each failure in words."""

from pathlib import Path

import pytest

from daemon.sandbox.rehearsal.judging import describe, holds
from daemon.sandbox.rehearsal.records import Step, Use
from tests.sandbox.rehearsal.rehearsed import failures

TALK = """
[[call]]
name = "a"
script = [
  {{ caller = "Where is my order?" }},
  {{ model = "Type its number.", use = "look_up", arguments = {{ order = "42" }} }},
  {{ model = "It is ready." }},
  {{ keys = "42#" }},
  {{ model = "Forty-two." }},
  {{ caller = "Thanks." }},
  {{ model = "Bye.", use = "hang_up", arguments = {{ reason = "done" }} }},
]
tools.look_up.answer = {{ status = "ready" }}

[call.expect]
{}
"""


@pytest.mark.parametrize(
    "expect",
    [
        "",
        'outcome = "hung_up"\nreason = "done"\nwithin = "30s"\nagent = "support"',
        'greeting = "Welcome."\nsaid = ["Welcome", "number", "Forty"]\nnever_said = ["blue"]',
        'tools = [{ tool = "look_up", arguments = { order = "42" } }]\nentries = ["42"]\ntransfers = []',
        'tools = [{ tool = "look_up" }]',
        'sent = [{ type = "session.update", session = { tools = [{ name = "look_up" }] } }]',
        'sent = [{ item = { output = "{\\"status\\": \\"ready\\"}" } }]',
    ],
)
def test_as_expected(tmp_path: Path, expect: str) -> None:
    assert failures(tmp_path, TALK.format(expect)) == []


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        (
            'outcome = "caller_left"',
            "expected outcome caller_left, got hung_up (hang_up by the model: done)",
        ),
        ('reason = "silence"', "expected a reason with 'silence', got 'hang_up by the model: done'"),
        ('within = "5s"', "expected an end within 5s, took "),
        (
            'agent = "support"\nsaid = ["Forty", "Welcome"]',
            "expected the agent to say 'Welcome' (or not in this order); ",
        ),
        ('said = ["blue"]', "expected the agent to say 'blue'; it said: 'Welcome.', 'Type its number.', "),
        ('never_said = ["ready"]', "expected the agent never to say 'ready'"),
        ('greeting = "Hi."', "expected the greeting 'Hi.', got 'Welcome.'"),
        ("tools = []", 'expected the tools none to be run, got look_up {"order": "42"}'),
        (
            'tools = [{ tool = "look_up", arguments = { order = "43" } }]',
            'expected the tools look_up {"order": "43"} to be run, got look_up {"order": "42"}',
        ),
        ('entries = ["4711"]', "expected the entries '4711', got '42'"),
        ('transfers = ["desk"]', "expected transfers to 'desk', got nothing"),
        (
            'sent = [{ type = "response.create", response = { instructions = "x" } }]',
            'expected a frame with {"type": "response.create", "response": {"instructions": "x"}} to be sent; '
            'of that type was sent: {"type": "response.create", ',
        ),
        ('sent = [{ type = "nonsense" }]', 'expected a frame with {"type": "nonsense"} to be sent'),
    ],
)
def test_not_as_expected(tmp_path: Path, expect: str, words: str) -> None:
    (line,) = failures(tmp_path, TALK.format(expect))
    assert line.startswith(words)


def test_what_is_always_expected(tmp_path: Path) -> None:
    found = failures(tmp_path, """
[[call]]
name = "a"
script = [
  { caller = "Hi." },
  { model = "Ok.", use = "look_up", arguments = { order = "1" } },
  { model = "Bye.", use = "hang_up" },
  { wait = "5s" },
  { leaves = true },
  { model = "Never." },
]
""")  # fmt: skip
    assert found == [
        "tool look_up was used and is not prepared; add [call.tools.look_up] with answer, or real = true",
        "the call did not come to the caller's step leaves",
        "the call did not come to the model's turn 'Never.'",
    ]


def test_turns_that_nobody_gave(tmp_path: Path) -> None:
    talk = '[[call]]\nname = "a"\nscript = [{{ caller = "Hi." }}, {}{{ leaves = true }}]'
    assert failures(tmp_path, talk.format("")) == ["the model was asked for a turn more than the rehearsal gives"]
    assert failures(tmp_path, talk.format('{ caller = "Hello?" }, ')) == [
        "the model was asked for 2 turns more than the rehearsal gives"
    ]
    assert failures(tmp_path, talk.format('{ model = "" }, ')) == []


def test_a_call_that_is_not_answered(tmp_path: Path) -> None:
    text = '[[call]]\nname = "a"\ncalled = "+18005550100"\ntransfers = ["busy", "busy"]\n[call.expect]\n{}'
    assert failures(tmp_path, text.format('transfers = ["desk", "home"]\noutcome = "hung_up"')) == []


def test_subsets() -> None:
    frame = {"type": "x", "a": {"b": [1, 2, {"c": 3, "d": 4}]}}
    assert holds(frame, {"a": {"b": [1, {"d": 4}]}})
    assert not holds(frame, {"a": {"b": [2, 1]}})
    assert not holds(frame, {"a": {"e": None}})
    assert not holds(frame, {"a": []})


def test_steps_in_words() -> None:
    steps = [
        Step(caller="Hi."),
        Step(keys="42#"),
        Step(wait=90.0),
        Step(leaves=True),
        Step(breaks=True),
        Step(model="Hm.", use="a", uses=(Use(tool="b"),)),
        Step(model=""),
    ]
    assert [*map(describe, steps)] == ["'Hi.'", "keys 42#", "wait 90s", "leaves", "breaks", "'Hm.' with a, b", "''"]
