import pytest

from daemon.sandbox.companion import companion
from daemon.sandbox.script import Reply, Use


def typed(text: str) -> Reply:
    return companion({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})


def test_it_says_what_you_say() -> None:
    assert typed("Where is my order?") == Reply("You said: Where is my order?")
    assert companion(None) == Reply("Hello.")


@pytest.mark.parametrize("text", ["bye", "Goodbye.", " good bye! "])
def test_it_hangs_up(text: str) -> None:
    reply = typed(text)
    assert reply.words == "Goodbye."
    assert reply.tool == "hang_up"


def test_it_uses_tools() -> None:
    assert typed('use look_up {"order": "42"}').uses == (Use("look_up", '{"order": "42"}'),)
    assert typed("Use look_up").uses == (Use("look_up", "{}"),)
    assert typed("use your brain, please").words == "You said: use your brain, please"
    assert companion({"type": "function_call_output", "output": '{"a":1}'}) == Reply('The tool gave {"a":1}')
