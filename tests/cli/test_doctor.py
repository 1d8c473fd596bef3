"""`callwarden numbers doctor`, as it is typed; what it looks at is tested in tests/numbers/test_doctor.py."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.sandbox.rest import Answer, Scripted, open_rest
from tests.cli.machine import NUMBER, Machine, open_machine


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with open_machine(tmp_path) as machine:
        yield machine


async def test_findings_line_by_line(machine: Machine) -> None:
    await machine.register("--carrier", "twilio", "--write")
    async with open_rest(Scripted(lambda asked: Answer(404))) as door:
        record = machine.state / "numbers" / f"{NUMBER}.json"
        record.write_text(record.read_text().replace("https://calls.example.org", door))
        typed = await machine.type("numbers", "doctor", NUMBER, "--api-url", machine.carrier)
        assert typed.code == 1
        lines = typed.out.splitlines()
        assert lines[0] == "ok    API key: the platform accepts it"
        assert lines[1].startswith(f"ok    {NUMBER} registration: registered as pn-")
        assert lines[2] == f"ok    {NUMBER} secret: the configuration names the one of the registration"
        assert lines[4].startswith(f'FAIL  {NUMBER} carrier: twilio: + trunk "callwarden {NUMBER}"')
        assert lines[4].endswith(f"; callwarden carrier apply {NUMBER}")
        assert lines[5].startswith(
            f"FAIL  {door}/xai/sip-webhook: answered by something else than the daemon (HTTP 404)"
        )

        await machine.at("apply", "--yes")
        found = (await machine.type("numbers", "doctor", NUMBER, "--json", "--api-url", machine.carrier)).json
        assert [one["state"] for one in found] == ["ok", "ok", "ok", "ok", "ok", "fail"]


async def test_every_number_of_the_configuration(machine: Machine) -> None:
    found = (await machine.type("numbers", "doctor", "--json")).json
    assert {one["what"] for one in found} == {
        "API key",
        "+18005550199 registration",
        "+18005550199 secret",
        "+18005550199 agent",
        "+18005550199 carrier",
        "+18005550199 webhook",
    }


async def test_wrong_usage_and_configuration(machine: Machine) -> None:
    typed = await machine.type("numbers", "doctor", NUMBER)
    assert (typed.code, f"{NUMBER} is not in" in typed.err) == (2, True)
    machine.config.write_text("x = 1")
    assert (await machine.type("numbers", "doctor")).code == 78
