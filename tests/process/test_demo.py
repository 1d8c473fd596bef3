"""`callwarden demo`, as a visitor runs it: two processes, real sockets, no key."""

import json
import os
import subprocess
import sys

import pytest


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "XAI_API_KEY"}
    command = [sys.executable, "-m", "daemon", "demo", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="the demo hands sockets to its child by /dev/fd")
def test_every_step_happens_and_both_ends_agree() -> None:
    result = demo("--json", "--quick")
    assert result.returncode == 0, result.stdout + result.stderr
    *records, closing = [json.loads(line) for line in result.stdout.splitlines()]
    outcome = closing["outcome"]
    assert outcome["missing"] == []
    assert outcome["exit_code"] == 0
    assert outcome["pickup_seconds"] < 1.0
    assert [record["entry"]["digit"] for record in records if record["entry"]["kind"] == "KeyPressed"] == list("42#")
    assert records[-1]["entry"]["receipt"]["outcome"] == "hung_up"
    assert len({record["call_id"] for record in records}) == 1
