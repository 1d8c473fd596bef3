"""Rehearsed calls: what the file says happens, on a clock of its own, and nothing else does."""

from pathlib import Path

import msgspec
import structlog

from daemon.calls.admission import Verdict
from daemon.config import Agent, Keypad
from daemon.config.lookups import Lookup
from daemon.config.parameters import parameters
from daemon.config.secrets import Unfetched
from daemon.core import journal
from daemon.sandbox.rehearsal.judging import describe, judge
from daemon.sandbox.rehearsal.playing import Performance
from tests.sandbox.rehearsal.rehearsed import AGENT, CONFIG, performed


def said(played: Performance) -> list[tuple[str, str]]:
    entries = (each.entry for each in played.story if isinstance(each.entry, journal.Said) and each.entry.final)
    return [(entry.speaker, entry.text) for entry in entries]


def test_a_talk_is_played_in_the_order_in_which_it_is_written(tmp_path: Path) -> None:
    played = performed(tmp_path, """
[[call]]
name = "a"
script = [
  { caller = "Where is my order?" },
  { model = "One moment.", use = "look_up", arguments = { order = "42" } },
  { model = "It is ready." },
  { caller = "Thank you." },
  { model = "Bye.", use = "hang_up" },
]
tools.look_up = { answer = { status = "ready" }, takes = "3s" }
""")  # fmt: skip
    assert said(played) == [
        ("agent", "Welcome."),
        ("caller", "Where is my order?"),
        ("agent", "One moment."),
        ("agent", "It is ready."),
        ("caller", "Thank you."),
        ("agent", "Bye."),
    ]
    assert [(run.tool, run.arguments, run.answer) for run in played.runs] == [
        ("look_up", {"order": "42"}, '{"status": "ready"}')
    ]
    assert played.receipt is not None
    assert played.receipt.outcome == "hung_up"
    assert 6.0 < played.receipt.seconds < 8.0
    assert (played.unplayed, played.made_up, played.unprepared, played.log) == ([], 0, set(), [])


def test_what_a_call_does_not_come_to(tmp_path: Path) -> None:
    played = performed(tmp_path, """
[[call]]
name = "a"
script = [
  { caller = "Bye." },
  { model = "Bye.", use = "hang_up" },
  { caller = "Wait!", over = true },
  { keys = "1" },
  { model = "Yes?" },
  { leaves = true },
]
""")  # fmt: skip
    # The caller is quick enough to speak into the goodbye; then nobody says anything.
    assert [describe(step) for step in played.unplayed] == []
    played = performed(tmp_path, """
[[call]]
name = "a"
script = [{ model = "Never." }, { caller = "Never." }, { leaves = true }]
""")  # fmt: skip
    assert [describe(step) for step in played.unplayed] == ["'Never.'", "'Never.'", "leaves"]
    assert played.receipt is not None
    assert played.receipt.why == "silence 30s"


def test_templates_headers_and_the_lookup(tmp_path: Path) -> None:
    lookup = Lookup(
        url="https://crm.example.com/{caller}", fields={"name": "/name"}, headers={"Authorization": Unfetched("x")}
    )
    words = "It is {{ time }}. {{ caller }} via {{ sip.diversion }} is {{ lookup.name or 'somebody' }}."
    agent = Agent(instructions=words, lookup=lookup, sip_headers=("Diversion",))
    config = msgspec.structs.replace(CONFIG, agents={"support": agent})
    played = performed(tmp_path, """
[[call]]
name = "a"
at = 2026-11-21T09:30:00Z
caller = "+14155550111"
headers = { Diversion = "<sip:+18005550177@pbx.test>" }
lookup = { name = "Ada" }
lookup_takes = "1s"
script = [{ leaves = true }]
""", config)  # fmt: skip
    instructions = played.sent[0]["session"]["instructions"]
    assert instructions == "It is Saturday, 21 November 2026, 09:30. +14155550111 via +18005550177 is Ada."
    played = performed(tmp_path, '[[call]]\nname = "a"\nwithheld = true\nscript = [{ leaves = true }]', config)
    assert played.sent[0]["session"]["instructions"].endswith("unknown via unknown is somebody.")


def test_a_line_that_breaks(tmp_path: Path) -> None:
    played = performed(tmp_path, """
[[call]]
name = "a"
script = [
  { caller = "Hello." },
  { model = "Hi." },
  { breaks = true },
  { caller = "Hello?" },
  { model = "Here." },
  { leaves = true },
]
""")  # fmt: skip
    assert [each.entry for each in played.story if isinstance(each.entry, journal.LineLost)]
    assert said(played)[-1] == ("agent", "Here.")
    assert played.unplayed == []


def test_a_call_that_is_not_answered(tmp_path: Path) -> None:
    config = msgspec.structs.replace(CONFIG, limits=msgspec.structs.replace(CONFIG.limits, unrouted=("refuse",)))
    played = performed(tmp_path, '[[call]]\nname = "a"\ncalled = "+18005550100"', config)
    assert (played.verdict, played.receipt) == (Verdict.UNROUTED, None)


def test_transfers_end_as_they_are_told_to(tmp_path: Path) -> None:
    text = '[[call]]\nname = "a"\ncalled = "+18005550100"\ntransfers = {}'
    for transfers, outcome, tried in (
        ("[]", "transferred", ["desk"]),
        ('["busy"]', "transferred", ["desk", "home"]),
        ('["no_answer", "failed"]', "hung_up", ["desk", "home"]),
    ):
        played = performed(tmp_path, text.format(transfers))
        assert played.receipt is not None
        assert played.receipt.outcome == outcome
        asked = [each.entry for each in played.story if isinstance(each.entry, journal.TransferAsked)]
        assert [entry.destination for entry in asked] == tried


def test_a_call_that_never_ends_is_given_up(tmp_path: Path) -> None:
    agent = msgspec.structs.replace(AGENT, silence_timeout=0.0, max_duration=50_000.0)
    config = msgspec.structs.replace(CONFIG, agents={"support": agent})
    played = performed(tmp_path, '[[call]]\nname = "a"', config)
    assert played.receipt is None
    assert [event for event in played.log if "exc_info" in event] == []


def test_the_log_is_left_as_it_was(tmp_path: Path) -> None:
    before = structlog.get_config()["processors"]
    played = performed(tmp_path, '[[call]]\nname = "a"\ncalled = "+18005550100"\ntransfers = ["busy"]')
    assert structlog.get_config()["processors"] is before
    assert [event["event"] for event in played.log] == ["call_unrouted", "transfer_failed"]


def test_a_transfer_of_the_agents_and_its_fallback(tmp_path: Path) -> None:
    agent = msgspec.structs.replace(AGENT, tools=("hang_up", "transfer"), transfers=("desk",))
    desk = msgspec.structs.replace(CONFIG.destinations["desk"], fallback="home")
    destinations = {**CONFIG.destinations, "desk": desk}
    config = msgspec.structs.replace(CONFIG, agents={"support": agent}, destinations=destinations)
    text = """
[[call]]
name = "a"
transfers = ["busy"]
script = [
  { caller = "A human, please." },
  { model = "I connect you.", use = "transfer", arguments = { destination = "desk" } },
]
expect = { outcome = "transferred", transfers = ["desk", "home"], reason = "transfer by the model" }
"""
    assert judge(performed(tmp_path, text, config)) == []


def test_a_menu_that_is_used_while_the_agent_speaks(tmp_path: Path) -> None:
    keypad = Keypad(menu={"0": "transfer:desk", "1": "say:We open at nine."})
    config = msgspec.structs.replace(CONFIG, agents={"support": msgspec.structs.replace(AGENT, keypad=keypad)})
    text = """
[[call]]
name = "a"
script = [{ keys = "1", over = true }, { wait = "5s" }, { model = "Anything else?" }, { keys = "0" }]
expect = { outcome = "transferred", said = ["We open at nine."], transfers = ["desk"] }
"""
    assert judge(performed(tmp_path, text, config)) == []


def test_what_the_caller_types_for_one_tool_only(tmp_path: Path) -> None:
    agent = msgspec.structs.replace(AGENT, tools=("hang_up", "collect_digits", "look_up"))
    vault = msgspec.structs.replace(
        CONFIG.tools["look_up"], url="https://one.test/", method="POST", parameters=parameters({"pin": "keypad"})
    )
    config = msgspec.structs.replace(CONFIG, agents={"support": agent}, tools={"look_up": vault})
    text = """
[[call]]
name = "a"
tools.look_up.answer = { welcome = true }
script = [
  { caller = "My balance, please." },
  { model = "Type your PIN.", use = "collect_digits", arguments = { purpose = "PIN", sensitive = true } },
  { keys = "4711#" },
  { model = "One moment.", use = "look_up", arguments = { pin = "entry-1" } },
  { model = "You are rich. Goodbye!", use = "hang_up" },
]
expect = { tools = [{ tool = "look_up", arguments = { pin = "4711" } }], entries = ["***"], outcome = "hung_up" }
"""
    played = performed(tmp_path, text, config)
    assert judge(played) == []
    assert "4711" not in str(played.sent)
    again = """{ model = "One moment.", use = "look_up", arguments = { pin = "entry-2" } },"""
    played = performed(tmp_path, text.replace(text.splitlines()[8].strip(), again), config)
    assert played.runs == [], "a reference that stands for nothing reaches no tool here either"
    assert "that entry is not there" in str(played.sent)
