"""The contract's test data, loaded once: what the platform may say, and what we may."""

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator

Wire = dict[str, Any]

_FOLDER = Path(__file__).parent.parent / "contract"


def _load(name: str) -> Any:
    return json.loads((_FOLDER / name).read_text(encoding="utf-8"))


SERVER: Wire = _load("server-events.schema.json")
EXAMPLES: list[Wire] = [example["event"] for example in _load("server-events.examples.json")]
NAMES = [f"{number}-{wire['type']}" for number, wire in enumerate(EXAMPLES)]
AUDIO = frozenset({"response.output_audio.delta", "response.audio.delta"})

_CLIENT: Wire = _load("client-events.schema.json")
_validators = {
    kind: Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": _CLIENT["$defs"]})
    for kind in _CLIENT["discriminator"]["mapping"]
}

thoroughly = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def complaints(frame: str) -> list[str]:
    """What the platform would refuse about a frame of ours."""
    wire = json.loads(frame)
    return [f"{error.json_path}: {error.message}" for error in _validators[wire["type"]].iter_errors(wire)]
