"""Agents that extend others: what they get, and where it is said to be wrong."""

from pathlib import Path

import pytest

from daemon.config import Agent, Config, TurnDetection
from tests.config.written import ENV, NUMBER, PLATFORM, complaints, loaded

BASE = """
[agents.base]
abstract = true
voice = "ara"
keyterms = ["derailleur"]
greeting = "Hello."
replace = { ACME = "ack-me" }
[agents.base.turn_detection]
threshold = 0.5
silence_duration = "700ms"
"""
SUPPORT = '[agents.support]\nextends = "base"\ninstructions = "Help."\n'


def config(folder: Path, agents: str, *overrides: str) -> Config:
    return loaded(folder, PLATFORM + NUMBER + agents, *overrides)


def wrong(folder: Path, agents: str, *overrides: str) -> list[str]:
    return [line.removeprefix("config.toml: ") for line in complaints(folder, PLATFORM + NUMBER + agents, *overrides)]


def test_what_is_not_written_is_inherited_table_by_table(tmp_path: Path) -> None:
    heir = SUPPORT + 'keyterms = ["saddle"]\nreplace = { "C&A" = "see and ay" }\nturn_detection = { threshold = 0.6 }\n'
    agents = config(tmp_path, BASE + heir).agents
    assert list(agents) == ["support"]  # what is abstract is gone
    assert agents["support"] == Agent(
        extends="base",
        instructions="Help.",
        voice="ara",
        keyterms=("saddle",),
        greeting="Hello.",
        replace={"ACME": "ack-me", "C&A": "see and ay"},
        turn_detection=TurnDetection(threshold=0.6, silence_duration=0.7),
    )


def test_the_order_in_the_file_does_not_matter_and_lines_can_be_long(tmp_path: Path) -> None:
    line = SUPPORT.replace("base", "a1") + "".join(
        f'[agents.a{n}]\nextends = "a{n + 1}"\ninstructions = "{n}"\n' for n in range(1, 40)
    )
    agents = config(tmp_path, line + '[agents.a40]\ninstructions = "x"\nvoice = "leo"\n').agents
    assert agents["support"].voice == "leo"
    assert (agents["support"].instructions, agents["a39"].instructions) == ("Help.", "39")


def test_an_agent_that_answers_can_be_extended_too(tmp_path: Path) -> None:
    text = '[agents.support]\ninstructions = "Help."\nspeed = 1.2\n[agents.vip]\nextends = "support"\nvoice = "rex"\n'
    agents = config(tmp_path, text).agents
    assert (agents["vip"].instructions, agents["vip"].speed, agents["vip"].voice) == ("Help.", 1.2, "rex")
    assert agents["support"].voice == "eve"


def test_whoever_writes_one_way_to_say_it_has_said_it(tmp_path: Path) -> None:
    (tmp_path / "own.md").write_text("My own.")
    heirs = (
        '[agents.support]\nextends = "base"\ninstructions_file = "own.md"\ngreeting_prompt = "Greet."\n'
        '[agents.mute]\nextends = "support"\ngreeting = ""\n'
    )
    agents = config(tmp_path, BASE.replace("voice", 'instructions = "x"\nvoice', 1) + heirs).agents
    assert (agents["support"].instructions, agents["support"].greeting) == ("My own.", "")
    assert agents["support"].greeting_prompt == "Greet."
    assert (agents["mute"].greeting, agents["mute"].greeting_prompt) == ("", "")
    assert agents["mute"].instructions == "My own."


def test_an_inherited_file_is_read_for_each_heir(tmp_path: Path) -> None:
    (tmp_path / "base.md").write_text("From a file.")
    text = '[agents.base]\nabstract = true\ninstructions_file = "base.md"\n[agents.support]\nextends = "base"\n'
    assert config(tmp_path, text).agents["support"].instructions == "From a file."


def test_overrides_reach_the_heirs_of_what_they_override(tmp_path: Path) -> None:
    agents = config(tmp_path, BASE + SUPPORT, "agents.base.voice=sal", "agents.support.speed=1.1").agents
    assert (agents["support"].voice, agents["support"].speed) == ("sal", 1.1)


@pytest.mark.parametrize(
    ("agents", "messages"),
    [
        (
            SUPPORT.replace("base", "bas") + BASE,
            ['[agents.support] extends: there is no agent "bas"; did you mean "base"?'],
        ),
        (SUPPORT, ['[agents.support] extends: there is no agent "base"']),
        (
            '[agents.support]\nextends = "moon"\n[agents.night]\ninstructions = "x"\n',
            ['[agents.support] extends: there is no agent "moon"; there is: night'],
        ),
        (SUPPORT.replace("base", "support"), ["[agents.support] extends: an agent can't extend itself"]),
        (
            '[agents.support]\nextends = "a"\n[agents.a]\nextends = "b"\n[agents.b]\nextends = "a"\n',
            ["[agents.b] extends: this goes round in a circle: a extends b extends a"],
        ),
        (SUPPORT.replace('"base"', "1"), ["[agents.support] extends: expected a string, got an integer"]),
        (
            SUPPORT + 'redial = "30m"\n',
            ['[agents.support] extends: there is no agent "base"'],  # which might have resumption
        ),
    ],
)
def test_whom_there_is_nothing_to_inherit_from(tmp_path: Path, agents: str, messages: list[str]) -> None:
    assert wrong(tmp_path, agents) == messages


def test_a_problem_is_where_it_was_written_and_told_once(tmp_path: Path) -> None:
    heirs = SUPPORT + '[agents.night]\nextends = "support"\nspeed = 9\n'
    text = BASE.replace("0.5", "0.95") + 'colour = "red"\n' + heirs
    assert wrong(tmp_path, text) == [
        "[agents.base.turn_detection] colour: unknown key",
        "[agents.base.turn_detection] threshold: expected a number from 0.1 to 0.9, got 0.95",
        "[agents.night] speed: expected a number from 0.7 to 1.5, got 9",
    ]


def test_an_override_that_is_inherited_answers_for_itself(tmp_path: Path) -> None:
    (message,) = complaints(tmp_path, PLATFORM + NUMBER + BASE + SUPPORT, "agents.base.speed=9")
    assert message == "--set agents.base.speed: expected a number from 0.7 to 1.5, got 9"


def test_a_secret_is_fetched_by_whoever_inherits_it(tmp_path: Path) -> None:
    lookup = '[agents.base.lookup]\nurl = "https://crm.example.com/{caller}"\nheaders = { A = "Bearer ${env:HOOK}" }\n'
    agents = config(tmp_path, BASE + lookup + SUPPORT).agents
    assert agents["support"].lookup.headers["A"].reveal() == f"Bearer {ENV['HOOK']}"


def test_nobody_is_answered_by_an_abstract_agent(tmp_path: Path) -> None:
    assert wrong(tmp_path, BASE.replace("base", "support")) == [
        '[numbers."+18005550199"] agent: agent "support" is abstract: it is only there to be extended'
    ]


def test_an_abstract_agent_may_lack_what_an_agent_needs_but_not_be_wrong(tmp_path: Path) -> None:
    assert wrong(tmp_path, BASE + '[agents.support]\nextends = "base"\n') == [
        "[agents.support] instructions: missing; give instructions or instructions_file"
    ]
    assert wrong(tmp_path, BASE.replace('"ara"', "1") + '[agents.support]\ninstructions = "x"\n') == [
        "[agents.base] voice: expected a string, got an integer"
    ]
