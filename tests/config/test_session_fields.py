"""Every documented field of the session, from `config.toml` to the wire, or the reason why it is not there.

The list of fields is the contract's own: a field that is added to it fails these tests until somebody decides about it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.calls.briefing import brief
from daemon.config import Agent
from daemon.core.frames import SessionUpdate, encode
from tests.config.written import MINIMAL, complaints, loaded
from tests.contract import complaints as objections
from tests.contract import schema

DEFINITIONS: dict[str, Any] = schema("client-events")["$defs"]

# Field of the session -> lines of [agents.NAME], and what is on the wire then.
SUPPORTED: dict[str, list[tuple[str, Any]]] = {
    "model": [
        (f'model = "{name}"', name)
        for name in ("grok-voice-latest", "grok-voice-think-fast-2.0", "grok-voice-think-fast-1.0")
    ],
    "instructions": [("", "Help.")],
    "reasoning.effort": [('reasoning = "high"', "high"), ('reasoning = "none"', "none")],
    "voice": [('voice = "ara"', "ara"), ('voice = "custom-7f"', "custom-7f")],
    "turn_detection.type": [("", "server_vad")],
    "turn_detection.threshold": [
        ("turn_detection.threshold = 0.1", 0.1),
        ("turn_detection.threshold = 0.9", 0.9),
    ],
    "turn_detection.silence_duration_ms": [
        ('turn_detection.silence_duration = "0s"', 0),
        ('turn_detection.silence_duration = "10s"', 10_000),
    ],
    "turn_detection.prefix_padding_ms": [
        ('turn_detection.prefix_padding = "0s"', 0),
        ('turn_detection.prefix_padding = "10s"', 10_000),
    ],
    "turn_detection.idle_timeout_ms": [
        ('turn_detection.idle_timeout = "20s"', 20_000),
        ('turn_detection.idle_timeout = "1m"', 60_000),
    ],
    "resumption.enabled": [("resumption = true", True)],
    "audio.input.transcription.model": [("live_transcript = true", "grok-transcribe")],
    "audio.input.transcription.language_hint": [
        (f'language = "{tag}"', tag) for tag in DEFINITIONS["_transcription"]["properties"]["language_hint"]["x-known"]
    ],
    "audio.input.transcription.keyterms": [
        ('keyterms = ["derailleur", "bottom bracket"]', ["derailleur", "bottom bracket"]),
        (f"keyterms = {[f'{n:050}' for n in range(100)]}", [f"{n:050}" for n in range(100)]),
    ],
    "audio.output.speed": [("speed = 0.7", 0.7), ("speed = 1.5", 1.5)],
    "tools": [('tools = ["hang_up"]', ...)],
    "replace": [('replace = { Shimano = "Shee-mah-no" }', {"Shimano": "Shee-mah-no"})],
}
# Not to be configured, and why.
LEFT_OUT = {
    "audio.input.format.type": "the carrier and the platform agree on a codec by SIP",
    "audio.input.format.rate": "it is the codec's",
    "audio.input.transport": "no audio comes over the socket of a phone call",
    "audio.output.format.type": "the carrier and the platform agree on a codec by SIP",
    "audio.output.format.rate": "it is the codec's",
    "audio.output.transport": "no audio goes over the socket of a phone call",
}
# Values that are never sent, and why.
NEVER_SENT = {
    ("turn_detection.type", None): "with manual turns somebody would have to send the caller's audio",
    ("turn_detection.idle_timeout_ms", None): "it is the default",
    ("replace", None): "it is the default; every call has a session of its own",
}
# The other edge of each documented range, a step beyond: none of them may get as far as a call.
BEYOND = {
    "turn_detection.threshold": ["turn_detection.threshold = 0.09", "turn_detection.threshold = 0.91"],
    "turn_detection.silence_duration_ms": ['turn_detection.silence_duration = "10001ms"'],
    "turn_detection.prefix_padding_ms": ['turn_detection.prefix_padding = "10001ms"'],
    "turn_detection.idle_timeout_ms": ['turn_detection.idle_timeout = "-1s"', 'turn_detection.idle_timeout = "0s"'],
    "audio.input.transcription.language_hint": ['language = "es"', 'language = "pt"', 'language = "e"'],
    "audio.input.transcription.keyterms": [f"keyterms = {['x'] * 101}", f'keyterms = ["{"x" * 51}"]'],
    "audio.output.speed": ["speed = 0.69", "speed = 1.51"],
    "voice": ['voice = ""'],
    "model": ['model = "grok-4"'],
    "reasoning.effort": ['reasoning = "low"'],
}


def documented(definition: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field that has no fields of its own, with its definition."""
    if "$ref" in definition:
        definition = DEFINITIONS[definition["$ref"].removeprefix("#/$defs/")]
    if "properties" not in definition:
        yield path, definition
    for name, inner in definition.get("properties", {}).items():
        yield from documented(inner, f"{path}.{name}".lstrip("."))


FIELDS = dict(documented(DEFINITIONS["_session"]))
EVERYWHERE = [(field, lines, value) for field, examples in SUPPORTED.items() for lines, value in examples]


def on_the_wire(agent: Agent) -> dict[str, Any]:
    """The session as it is sent; nothing that the platform would object to."""
    frame = json.loads(encode(SessionUpdate(session=brief("support", agent).session)))
    assert objections("client-events", "session.update", frame) == []
    session: dict[str, Any] = frame["session"]
    return session


def at(session: Any, field: str) -> Any:
    for name in field.split("."):
        session = session[name]
    return session


def test_every_documented_field_is_supported_or_left_out_for_a_reason() -> None:
    assert {*SUPPORTED, *LEFT_OUT} == set(FIELDS)
    assert not {*SUPPORTED} & {*LEFT_OUT}


@pytest.mark.parametrize(("field", "lines", "value"), EVERYWHERE, ids=lambda value: str(value)[:40])
def test_from_the_file_to_the_wire(tmp_path: Path, field: str, lines: str, value: object) -> None:
    sent = at(on_the_wire(loaded(tmp_path, f"{MINIMAL}{lines}\n").agents["support"]), field)
    assert sent == value or (value is ... and sent)


def test_every_documented_value_can_be_sent(tmp_path: Path) -> None:
    for field, definition in FIELDS.items():
        for value in definition.get("enum", []):
            sent = [example for _, example in SUPPORTED.get(field, [])]
            assert value in sent or (field, value) in NEVER_SENT or field in LEFT_OUT, f"{field} = {value}"
        if "null" in definition.get("type", []):
            assert (field, None) in NEVER_SENT


def test_every_documented_range_is_held_at_its_edges() -> None:
    for field, definition in FIELDS.items():
        if field in LEFT_OUT:
            continue
        bounded = {"minimum", "maximum", "maxItems", "minLength", "pattern", "not", "enum"} & definition.keys()
        if bounded and definition.get("enum") != ["grok-transcribe"] and field != "turn_detection.type":
            assert field in BEYOND, field
        edges = {value for _, value in SUPPORTED[field] if isinstance(value, int | float)}
        for edge in ("minimum", "maximum"):
            # No upper bound of the idle timeout is known, and its lower one would ask without an end.
            if edge in definition and field != "turn_detection.idle_timeout_ms":
                assert definition[edge] in edges, (field, edge)


@pytest.mark.parametrize("lines", [lines for beyond in BEYOND.values() for lines in beyond])
def test_what_is_beyond_a_documented_range_gets_as_far_as_check(tmp_path: Path, lines: str) -> None:
    assert len(complaints(tmp_path, f"{MINIMAL}{lines}\n")) == 1


def test_all_of_them_together(tmp_path: Path) -> None:
    lines = "\n".join(dict.fromkeys(examples[-1][0] for examples in SUPPORTED.values()))
    session = on_the_wire(loaded(tmp_path, f"{MINIMAL}{lines}\n").agents["support"])
    for field, examples in SUPPORTED.items():
        assert at(session, field) == examples[-1][1] or examples[-1][1] is ...


def test_nothing_is_sent_that_was_not_configured(tmp_path: Path) -> None:
    lines = "live_transcript = false\ntools = []\n"
    assert on_the_wire(loaded(tmp_path, MINIMAL + lines).agents["support"]) == {
        "instructions": "Help.",
        "voice": "eve",
        "turn_detection": {"type": "server_vad"},
    }
