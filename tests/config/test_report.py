"""Where a problem is said to be."""

import pytest

from daemon.config.report import KeyPath, Report, dotted


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("server", "bind"), "server.bind"),
        (("numbers", "+1800"), 'numbers."+1800"'),
        (("a b", 'say "hi"', "ü", ""), r'"a b"."say \"hi\""."ü".""'),
    ],
)
def test_keys_are_quoted_as_in_toml(path: KeyPath, text: str) -> None:
    assert dotted(path) == text


def test_a_key_could_turn_the_line_around() -> None:
    report = Report("config.toml")
    report.add(("agents", "\u202eecivres\x7f"), "unknown key\x1b[2J\U000e0001")
    (problem,) = report.problems
    assert str(problem) == r'config.toml: [agents] "\u202eecivres\u007f": unknown key\u001b[2J\U000e0001'


def test_a_key_of_five_thousand_letters_does_not_fill_the_screen() -> None:
    assert len(dotted(("agents", "x" * 5000))) < 320
    assert len(dotted(("agents", "x " * 5000))) < 320


def test_a_problem_names_its_table_and_key() -> None:
    report = Report("config.toml")
    report.add(("log", "level"), "wrong")
    report.add(("log",), "wrong", table=True)
    report.add(("log",), "wrong")
    assert [problem.where for problem in report.problems] == [
        "config.toml: [log] level",
        "config.toml: [log]",
        "config.toml: log",
    ]


def test_an_override_answers_for_what_it_set_and_all_below() -> None:
    report = Report("config.toml")
    report.blame_override(("agents", "a"))
    report.add(("agents", "a", "keypad", "terminator"), "wrong")
    report.add(("agents", "a"), "wrong", table=True)
    report.add(("agents", "b"), "wrong", table=True)
    assert [problem.where for problem in report.problems] == [
        "--set agents.a.keypad.terminator",
        "--set agents.a",
        "config.toml: [agents.b]",
    ]
