"""Tools over HTTP, against a real server on loopback: what is sent, and what the model is told whatever comes back."""

import gzip
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import pytest
import trio

from daemon.config import HttpTool, Secret
from daemon.config.parameters import parameters
from daemon.core.effects import ToolUse
from daemon.tools import open_tools
from daemon.tools.base import Answer, EntryTool, Tool, idempotency_key, timed_out
from tests.conftest import Logged
from tests.tools.server import Respond, Server, asking, drip, flood, hang_up, in_turn, open_server, says, silence

CONTEXT = ssl.create_default_context()
"""Made once: it reads all the certificates of the system."""
TOKEN = "do-not-show-me"
ORDER = {"order": "string"}
UNKNOWN = "It is not known whether it took effect. Do not repeat it by yourself; tell the caller so."
ONCE_MORE = "You may try once more; if that fails too, tell the caller that it does not work at the moment."
TELL = "Tell the caller that it does not work at the moment."


def tool(server: Server, path: str = "/orders/{order}", written: dict[str, Any] = ORDER, **keys: Any) -> HttpTool:
    keys = {"allow_private": ("127.0.0.1",), "description": "x", **keys}
    return HttpTool(url=f"http://127.0.0.1:{server.port}{path}", parameters=parameters(written), **keys)


@asynccontextmanager
async def opened(respond: Respond, path: str = "/orders/{order}", **keys: Any) -> AsyncIterator[tuple[Server, Tool]]:
    async with open_server(respond) as server, open_tools({"it": tool(server, path, **keys)}, verify=CONTEXT) as tools:
        yield server, tools["it"]


async def run(it: Tool, arguments: object = None, *, use_id: str = "u1") -> Answer:
    text = arguments if isinstance(arguments, str) else json.dumps({"order": "42"} if arguments is None else arguments)
    with trio.fail_after(5):
        return await it.run(asking(use_id), ToolUse(id=use_id, name="it", arguments=text))


async def told(respond: Respond, arguments: object = None, **keys: Any) -> tuple[Any, str]:
    """What the model is told, and what is logged about it."""
    async with opened(respond, **keys) as (_, it):
        answer = await run(it, arguments)
    return json.loads(answer.output), answer.why


# What is sent


async def test_a_plain_request() -> None:
    headers = {"Authorization": Secret(f"Bearer {TOKEN}"), "Accept": Secret("application/vnd.orders+json")}
    async with opened(says(200, '{"status": "sent"}'), headers=headers) as (server, it):
        assert await run(it) == Answer('{"status":"sent"}')
    (asked,) = server.asked
    assert (asked.method, asked.target, asked.body) == ("GET", "/orders/42", b"")
    assert asked.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "application/vnd.orders+json",
        "accept-encoding": "identity",
        "authorization": f"Bearer {TOKEN}",
        "connection": "keep-alive",
        "idempotency-key": idempotency_key("call-1", "u1"),
        "user-agent": asked.headers["user-agent"],
        "x-callwarden-call": "call-1",
    }


@pytest.mark.parametrize(
    ("path", "keys", "target", "body"),
    [
        ("/orders", {"method": "POST"}, "/orders", {"order": "42"}),
        ("/orders/{order}", {"method": "PUT"}, "/orders/42", {}),
        ("/orders", {"method": "DELETE", "body": "json"}, "/orders", {"order": "42"}),
        ("/o", {"method": "POST", "body": {"id": "{order}", "by": "phone"}}, "/o", {"id": "42", "by": "phone"}),
    ],
)
async def test_a_request_with_a_body(path: str, keys: dict[str, Any], target: str, body: object) -> None:
    async with opened(says(200, "{}"), path, **keys) as (server, it):
        await run(it)
    (asked,) = server.asked
    assert (asked.target, json.loads(asked.body)) == (target, body)
    assert asked.headers["content-type"] == "application/json"


async def test_the_key_is_that_of_the_use() -> None:
    async with opened(in_turn(says(503), says(200, "{}")), idempotent=True, retries=1) as (server, it):
        await run(it, use_id="u1")
        await run(it, use_id="u2")
    keys = [asked.headers["idempotency-key"] for asked in server.asked]
    assert keys[0] == keys[1] != keys[2]
    assert all(len(key) == 64 for key in keys)
    assert idempotency_key("a", "b\r\nX: \ud800")


async def test_a_traced_call_says_so() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with opened(says(200, "{}")) as (server, it):
        traced = msgspec.structs.replace(asking("u1"), traceparent=parent)
        await it.run(traced, ToolUse(id="u1", name="it", arguments='{"order": "42"}'))
    assert server.asked[0].headers["traceparent"] == parent


async def test_nothing_is_kept_from_one_call_to_the_next() -> None:
    async with opened(says(200, "{}", Set_Cookie="session=1; Path=/")) as (server, it):
        await run(it)
        await run(it)
    assert not [asked for asked in server.asked if "cookie" in asked.headers]


async def test_proxy_variables_mean_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await told(says(200, "{}")))[1] == ""


# What comes back


@pytest.mark.parametrize(
    ("body", "result", "expected"),
    [
        ('{"a": {"b": [1, {"c/d": "x"}]}}', "/a/b/1/c~1d", "x"),
        ('{"a": {"b": [1, 2]}}', "/a/b/0", 1),
        ('{"a": null}', "/a", None),
        ('"words"', "", "words"),
        ("", "", {"ok": True}),
    ],
)
async def test_the_part_that_is_wanted(body: str, result: str, expected: object) -> None:
    assert await told(says(200, body), result=result) == (expected, "")


NOT_THERE = "The tool's server took the request, but its answer does not hold what was looked for."


@pytest.mark.parametrize("result", ["/b", "/a/5", "/a/x", "/a/-1", "/a/0/0", "/a/\u00b2"])
async def test_the_part_is_not_there(result: str) -> None:
    assert await told(says(200, '{"a": [1]}'), result=result) == ({"error": NOT_THERE}, "nothing at result")


UNREADABLE = "The tool's server took the request, but what it answered can't be read (it is not JSON)."


@pytest.mark.parametrize("body", [b"<html>", b"{", b"\xff", b"[" * 100_000 + b"]" * 100_000, b"NaN"])
async def test_what_is_not_json(body: bytes) -> None:
    answer = await told(says(200, body), max_response=1 << 20)
    assert answer == ({"error": UNREADABLE}, "answer not JSON")


async def test_a_bomb_is_not_even_opened() -> None:
    bomb = gzip.compress(b"[" + b"0," * 5_000_000 + b"0]")
    assert await told(says(200, bomb, Content_Encoding="gzip")) == ({"error": UNREADABLE}, "answer not JSON")


@pytest.mark.parametrize("respond", [flood, says(200, b" " * 70_000)])
async def test_an_answer_that_is_too_large(respond: Respond) -> None:
    answer = await told(respond)
    assert answer == ({"error": f"The answer was too large to be read. {UNKNOWN}"}, "answer over 65536 bytes")


async def test_an_answer_that_is_just_small_enough() -> None:
    assert (await told(says(200, '"' + "x" * 65_534 + '"')))[1] == ""


@pytest.mark.parametrize(("idempotent", "then"), [(False, UNKNOWN), (True, ONCE_MORE)])
async def test_a_server_that_fails(*, idempotent: bool, then: str) -> None:
    answer = await told(says(500, b"x" * 1_000_000), idempotent=idempotent)
    assert answer == ({"error": f"The tool's server failed (HTTP 500). {then}"}, "HTTP 500")


REFUSED = "The tool's server refused the request (HTTP 404); nothing was done."


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ('{"message": "no such order"}', {"answer": {"message": "no such order"}}),
        ("<html>", {}),
        ("", {}),
        ('"' + "x" * 5000 + '"', {}),
    ],
)
async def test_a_server_that_refuses(body: str, details: dict[str, object]) -> None:
    assert await told(says(404, body)) == ({"error": REFUSED, **details}, "HTTP 404")


@pytest.mark.parametrize("status", [200, 400])
async def test_a_server_that_tells_what_it_was_sent(status: int) -> None:
    """However it writes it; but what is no secret may come back, and so may what is too short to be told apart."""
    token = Secret('half/a"token')
    headers = {
        "Authorization": Secret(f"Bearer {token.reveal()}", (token,)),
        "X-Shop": Secret("7"),
        "X-Pin": Secret("42", (Secret("42"),)),
    }
    body = {"sent": f"Bearer {token.reveal()}", "shop": "7", "order": "42"}
    for written in (json.dumps(body), json.dumps(body).replace("/", "\\/")):
        answer, _ = await told(says(status, written), headers=headers)
        assert (answer if status == 200 else answer["answer"]) == {"sent": "Bearer ****", "shop": "7", "order": "42"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with open_server(says(200, "{}")) as elsewhere:
        answer = await told(says(status, Location=f"http://127.0.0.1:{elsewhere.port}/"))
    what = f"The tool's server sent the request elsewhere (HTTP {status}), which is not followed. {TELL}"
    assert answer == ({"error": what}, f"redirect: HTTP {status}")
    assert not elsewhere.asked


async def test_a_connection_that_breaks() -> None:
    answer = await told(hang_up)
    assert answer == ({"error": f"The connection broke. {UNKNOWN}"}, "connection: RemoteProtocolError")


async def test_a_server_that_is_not_there() -> None:
    async with open_server(hang_up) as server:
        port = server.port
    gone = HttpTool(url=f"http://127.0.0.1:{port}/", description="x", allow_private=("127.0.0.1",))
    async with open_tools({"it": gone}, verify=CONTEXT) as tools:
        answer = await run(tools["it"], {})
    expected = f"The tool's server can't be reached; nothing was done. {TELL}"
    assert (json.loads(answer.output), answer.why) == ({"error": expected}, "not reached")


# Time


@pytest.mark.parametrize("respond", [silence, drip])
async def test_a_server_that_takes_its_time_is_left(respond: Respond) -> None:
    async with opened(respond, timeout=0.1) as (server, it):
        with trio.move_on_after(it.timeout) as scope:
            await run(it)
        assert scope.cancelled_caught
        with trio.fail_after(5):
            await server.gone.wait()  # it finds out that nobody listens any more
    what = f"There was no answer within 100ms. {UNKNOWN}"
    assert timed_out(it) == Answer(json.dumps({"error": what}, separators=(",", ":")), "no answer within 100ms")


# Trying again


@pytest.mark.parametrize("first", [says(503), says(429), hang_up])
async def test_what_is_idempotent_is_tried_again(first: Respond) -> None:
    answer = await told(in_turn(first, says(200, "1")), idempotent=True, retries=1)
    assert answer == (1, "")


@pytest.mark.parametrize("first", [says(404), says(302), says(200, "nonsense")])
async def test_what_would_be_the_same_again_is_not(first: Respond) -> None:
    async with opened(in_turn(first, says(200, "1")), idempotent=True, retries=3) as (server, it):
        assert (await run(it)).why
    assert len(server.asked) == 1


async def test_trying_ends() -> None:
    async with opened(says(503), idempotent=True, retries=1) as (server, it):
        assert (await run(it)).why == "HTTP 503"
    assert len(server.asked) == 2


# Arguments


@pytest.mark.parametrize("arguments", ["{", '{"order": 1}', "{}", '{"order": "1", "x": 2}', '{"order": ".."}'])
async def test_wrong_arguments_are_told_and_nothing_is_sent(arguments: str) -> None:
    async with opened(says(200, "{}")) as (server, it):
        answer = await run(it, arguments)
    assert answer.why == "arguments refused"
    assert "error" in json.loads(answer.output)
    assert not server.asked


# Secrets


@pytest.mark.parametrize("respond", [says(200, "{}"), says(500), says(401, '"who are you"'), hang_up, flood])
async def test_nobody_is_shown_a_secret(respond: Respond, logged: Logged, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    answer = await told(respond, headers={"Authorization": Secret(f"Bearer {TOKEN}")})
    assert TOKEN not in f"{answer} {logged()} {caplog.text}"


async def test_many_at_once() -> None:
    async def echo(stream: trio.abc.Stream, asked: Any) -> None:
        await trio.sleep(0.05)
        await says(200, json.dumps(asked.target))(stream, asked)

    answers: dict[str, Answer] = {}

    async def one(it: Tool, order: str) -> None:
        answers[order] = await run(it, {"order": order}, use_id=order)

    async with opened(echo) as (_, it), trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(partial(one, it, f"o{number}"))
    assert answers == {f"o{number}": Answer(f'"/orders/o{number}"') for number in range(20)}


# What callers type

CARD = {"card": "keypad", "amount": "integer?"}
ENTRY = {"card": "entry-1"}


async def pay(it: Tool, entries: dict[str, str], arguments: object = ENTRY) -> Answer:
    assert isinstance(it, EntryTool)
    with trio.fail_after(5):
        use = ToolUse(id="u1", name="it", arguments=json.dumps(arguments))
        return await it.run_with(asking(), use, lambda reference: entries.pop(reference, None))


async def test_what_a_caller_typed_is_filled_in_and_forgotten() -> None:
    entries = {"entry-1": "4111111111111111"}
    async with opened(says(200), path="/pay", method="POST", written=CARD) as (server, it):
        assert await pay(it, entries, {**ENTRY, "amount": 12}) == Answer('{"ok":true}')
        assert entries == {}
        again = await pay(it, entries)
    (asked,) = server.asked
    assert asked.body == b'{"card":"4111111111111111","amount":12}'
    assert again.why == "entry not there"
    assert "Have the caller type it again" in again.output


@pytest.mark.parametrize(
    ("keys", "target", "body"),
    [
        ({"path": "/pins/{card}"}, "/pins/47%23", b""),
        ({"path": "/pins?pin={card}"}, "/pins?pin=47%23", b""),
        (
            {"path": "/pins", "method": "POST", "body": {"pin": "{card}", "by": "phone"}},
            "/pins",
            b'{"pin":"47#","by":"phone"}',
        ),
    ],
)
async def test_it_goes_wherever_an_argument_goes(keys: dict[str, Any], target: str, body: bytes) -> None:
    async with opened(says(200), written={"card": "keypad"}, **keys) as (server, it):
        await pay(it, {"entry-1": "47#"})
    assert [(asked.target, asked.body) for asked in server.asked] == [(target, body)]


async def test_every_attempt_at_one_use_has_it() -> None:
    answers = in_turn(says(503), says(200))
    keys: dict[str, Any] = {"path": "/pay", "method": "POST", "idempotent": True, "retries": 1}
    async with opened(answers, written=CARD, **keys) as (server, it):
        assert await pay(it, {"entry-1": "4711"}) == Answer('{"ok":true}')
    assert [asked.body for asked in server.asked] == [b'{"card":"4711"}'] * 2


async def test_digits_in_place_of_a_reference_are_refused_and_not_repeated() -> None:
    async with opened(says(200), path="/pay", method="POST", written=CARD) as (server, it):
        assert isinstance(it, EntryTool)
        use = it.masked(ToolUse(id="u1", name="it", arguments='{"card": "4111111111111111"}'))
        answer = await it.run(asking(), use)
    assert answer.why == "arguments refused"
    assert "4111" not in answer.output + use.arguments
    assert server.asked == []


async def test_a_tool_without_such_parameters_is_written_down_as_it_is() -> None:
    async with opened(says(200)) as (_, it):
        assert isinstance(it, EntryTool)
        use = ToolUse(id="u1", name="it", arguments='{"order": "4711"}')
        assert it.masked(use) is use
