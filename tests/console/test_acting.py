"""What can be done: asked first, done by a form of ours only, logged with who did it."""

import os
from pathlib import Path

import pytest

from daemon.errors import CallwardenError, ConfigError, LedgerUnavailable, NoSuchDestination, NotNow, Problem
from tests.conftest import Logged
from tests.console.served import served_console
from tests.operate.fakes import call_view

ME = f"operator uid {os.getuid()}"
TOKEN_HOLDER = "operator with token"


async def test_every_deed(tmp_path: Path, logged: Logged) -> None:
    async with served_console(tmp_path, [call_view()]) as console:
        await console.log_in()
        for path, fields in (
            ("/calls/call-1/hangup", {"reason": "the\u202eoffice\x07 closes\n"}),
            ("/calls/call-1/hangup", {}),
            ("/calls/call-1/transfer", {"destination": "front_desk"}),
            ("/node/pause", {}),
            ("/node/resume", {}),
            ("/node/drain", {}),
            ("/node/drain", {"now": "yes"}),
            ("/node/reload", {}),
        ):
            answer = await console.act(console.tcp, path, **fields)
            assert answer.status_code == 303
            where = answer.headers["Location"]
            assert where.partition("?")[0] == ("/node" if path.startswith("/node") else "/calls/call-1")
            seen = await console.tcp.get(where)
            assert 'class="note"' in seen.text
    assert console.desk.asked == [
        ("hang_up", "call-1", "the office closes", TOKEN_HOLDER),
        ("hang_up", "call-1", "", TOKEN_HOLDER),
        ("transfer", "call-1", "front_desk", TOKEN_HOLDER),
        ("pause", TOKEN_HOLDER),
        ("resume", TOKEN_HOLDER),
        ("drain", TOKEN_HOLDER, False),
        ("drain", TOKEN_HOLDER, True),
        ("reload", TOKEN_HOLDER),
    ]
    acts = [line for line in logged() if line["event"] == "operator"]
    assert [line["verb"] for line in acts] == [str(asked[0]) for asked in console.desk.asked]
    assert {(line["who"], line["via"], line["status"]) for line in acts} == {(TOKEN_HOLDER, "console", 200)}
    assert acts[0]["call_id"] == "call-1"


async def test_on_the_socket_the_kernel_says_who_it_is(tmp_path: Path, logged: Logged) -> None:
    async with served_console(tmp_path) as console:
        assert (await console.act(console.unix, "/node/pause")).status_code == 303
        assert console.desk.asked == [("pause", ME)]
    (line,) = [line for line in logged() if line["event"] == "operator"]
    assert (line["uid"], line["pid"], line["who"]) == (os.getuid(), os.getpid(), ME)


async def test_a_form_that_is_not_ours_does_nothing(tmp_path: Path) -> None:
    async with served_console(tmp_path, [call_view()]) as console:
        await console.log_in()
        stolen = (await console.unix.get("/node/pause")).text.split('name="proof" value="')[1][:64]
        for fields in ({"reason": "x"}, {"proof": ""}, {"proof": "0" * 64}, {"proof": "\u00e4"}, {"proof": stolen}):
            answer = await console.tcp.post("/node/pause", data=fields)
            assert answer.status_code == 403
            assert "too old, or not from here" in answer.text
        assert (await console.tcp.post("/node/pause")).status_code == 415
        assert (await console.unix.post("/calls/call-1/hangup", data={"reason": "x"})).status_code == 403
    assert console.desk.asked == []


async def test_calls_that_are_over(tmp_path: Path) -> None:
    async with served_console(tmp_path, [call_view()]) as console:
        assert (await console.unix.get("/calls/nobody/hangup")).status_code == 404
        question = await console.unix.get("/calls/call-1/hangup")
        proof = question.text.split('name="proof" value="')[1][:64]
        console.desk.live.clear()
        answer = await console.unix.post("/calls/call-1/hangup", data={"proof": proof})
        console.desk.live.append(call_view())
        seen = await console.unix.get(answer.headers["Location"])
        assert "not in progress here any more" in seen.text


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NotNow("it is too late"), "Not done: it is too late"),
        (NoSuchDestination("no destination <b>"), "Not done: no destination &lt;b&gt;"),
        (ConfigError(Problem("config.toml: a", "wrong")), "config.toml: a: wrong"),
        (LedgerUnavailable("a secret of ours"), "the log has it"),
    ],
)
async def test_what_the_desk_refuses(tmp_path: Path, error: CallwardenError, says: str) -> None:
    async with served_console(tmp_path) as console:
        console.desk.error = error
        answer = await console.act(console.unix, "/node/reload")
        seen = await console.unix.get(answer.headers["Location"])
        assert says in seen.text
        assert "secret" not in seen.text
        assert 'role="alert"' in seen.text
