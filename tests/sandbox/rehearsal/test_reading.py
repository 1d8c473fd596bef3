"""From a rehearsal's file to its calls, or to all that is wrong with it."""

from pathlib import Path

import msgspec
import pytest

from daemon.config import Number
from daemon.errors import ConfigError
from daemon.sandbox.rehearsal.reading import read
from daemon.sandbox.rehearsal.records import NOON, Step, Stub, Use
from tests.sandbox.rehearsal.rehearsed import CONFIG, problems


def test_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "file.toml").write_text("""
[tools.look_up]
answer = { status = "ready", day = 2026-11-24 }

[[call]]
name = "one"
script = [
  { caller = "Hello." },
  { wait = "1.5s", over = true },
  { model = "Hi.", use = "look_up", arguments = { order = "42" } },
  { uses = [{ tool = "a" }, { tool = "b", arguments = "{no" }] },
]

[[call]]
name = "two"
at = 2026-11-21T10:30:00+01:00
tools.look_up.error = "It is closed."
""")
    one, two = read(tmp_path / "file.toml", CONFIG)
    assert one.called == "+18005550199"
    assert one.at == NOON
    assert one.tools == {"look_up": Stub(answer={"status": "ready", "day": "2026-11-24"})}
    assert one.script == (
        Step(caller="Hello."),
        Step(wait=1.5, over=True),
        Step(model="Hi.", use="look_up", arguments='{"order": "42"}'),
        Step(uses=(Use(tool="a"), Use(tool="b", arguments="{no"))),
    )
    assert two.at == 1_795_253_400.0
    assert two.tools == {"look_up": Stub(error="It is closed.")}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", ["call: missing; add [[call]] with name = \"...\" and a script"]),
        ("[[call]]", ['[call.1] name: missing; add name = "asks for the opening hours"']),
        ('[[call]]\nname = "a"\nscrpt = []', ['[call.1] scrpt: unknown key; did you mean "script"?']),
        ('[[calls]]\nname = "a"', ["unknown", "missing"]),
        (
            '[[call]]\nname = "a"\nscript = [{ caler = "x" }]',
            ['[call.1.script.1] caler: unknown key; did you mean "caller"?'],
        ),
        ('[[call]]\nname = "a"\nexpect.outcom = "lost"', ['outcom: unknown key; did you mean "outcome"?']),
        ('[[call]]\nname = "a"\nexpect.outcome = "hangup"', ["[call.1.expect] outcome: expected"]),
        ('[[call]]\nname = "a"\nexpect.within = 5', ["[call.1.expect] within: expected a duration such as"]),
        (
            '[[call]]\nname = "a"\nscript = [{ caller = "x", keys = "1" }, {}]',
            ["[call.1.script.1]: one thing happens in a step; give one of", "[call.1.script.2]: one thing happens"],
        ),
        (
            '[[call]]\nname = "a"\nscript = [{ breaks = true, over = true }, { model = "x", arguments = { a = 1 } }]',
            [
                "[call.1.script.1] over: goes with caller, keys, wait and leaves only",
                "[call.1.script.2] arguments: goes with use only",
            ],
        ),
        ('[[call]]\nname = "a"\nscript = [{ keys = "1a" }]', ["[call.1.script.1] keys: expected 1 to 64 of the keys"]),
        ('[[call]]\nname = "a"\nscript = [{ use = "x", arguments = 5 }]', ["arguments: expected a table"]),
        ('[[call]]\nname = "a"\nat = 2026-11-21T10:30:00', ["[call.1] at: expected a date and time with its offset"]),
        ('[[call]]\nname = "a"\ncalled = "911"', ["[call.1] called: expected a phone number in E.164 form"]),
        (
            '[[call]]\nname = "a"\ntools.lookup.answer = 1',
            ['[call.1.tools.lookup]: the configuration has no tool "lookup"; did you mean "look_up"?'],
        ),
        (
            "tools.look_up = {}\n" + '[[call]]\nname = "a"\ntools.look_up = { answer = 1, real = true }',
            [
                "[tools.look_up]: give one of answer, answers, error and real",
                "[call.1.tools.look_up]: give one of answer, answers, error and real",
            ],
        ),
        (
            '[[call]]\nname = "a"\nexpect = { transfers = ["dsk"], tools = [{ tool = "x" }], agent = "sales" }',
            [
                '[call.1.expect] transfers: the configuration has no destination "dsk"; did you mean "desk"?',
                '[call.1.expect] tools: the configuration has no tool "x"; there is: look_up',
                '[call.1.expect] agent: the configuration has no agent "sales"; there is: support',
            ],
        ),
        ("[[call", ["not valid TOML"]),
    ],
)  # fmt: skip
def test_what_is_wrong(tmp_path: Path, text: str, what: list[str]) -> None:
    found = problems(tmp_path, text)
    assert len(found) == len(what), found
    for line, words in zip(found, what, strict=True):
        assert words in line


def test_with_several_numbers_one_must_be_dialled(tmp_path: Path) -> None:
    numbers = {**CONFIG.numbers, "+18005550188": Number(agent="support")}
    several = msgspec.structs.replace(CONFIG, numbers=numbers)
    assert problems(tmp_path, '[[call]]\nname = "a"', several) == [
        "[call.1] called: missing; there is: +18005550199, +18005550188"
    ]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        read(tmp_path / "bytes.toml", CONFIG)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read(tmp_path, CONFIG)
