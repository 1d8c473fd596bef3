"""Prompt injection: whatever the model was talked into, it reaches no number, URL, file or tool that it may not.

Each attempt is a call of its own. Every one is refused with a reason in the log, the caller is not hung up on, and the
call ends with its receipt.
"""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from daemon.core import journal
from daemon.sandbox.script import Emit, Reply, Say, Use, Wait
from tests.config.written import WEBHOOK_SECRET
from tests.conftest import Logged
from tests.injection.shop import POISON, PUBLIC, Shop, outputs

ORDER = "look_up_order"
NOT_ITS_TOOL = "not one of this agent's tools"
REFUSED = "arguments refused"
SORRY = Reply("I can not do that.")


def order(value: object) -> str:
    return json.dumps({"order": value})


# What it is, the tool that the model asks for, its arguments, and the reason in the log.
ATTEMPTS: list[tuple[str, str, str, str]] = [
    # Tools
    ("a tool that there is not", "shell", '{"command": "id"}', NOT_ITS_TOOL),
    ("another agent's tool", "refund", '{"amount": 1000}', NOT_ITS_TOOL),
    ("a tool with a space", "look_up_order ", order("42"), NOT_ITS_TOOL),
    ("a tool in capitals", "LOOK_UP_ORDER", order("42"), NOT_ITS_TOOL),
    ("a tool in look-alike letters", "lo\u043ek_up_order", order("42"), NOT_ITS_TOOL),
    ("a tool with an invisible letter", "look_up_order\u200b", order("42"), NOT_ITS_TOOL),
    ("a tool written backwards", "\u202eredro_pu_kool", order("42"), NOT_ITS_TOOL),
    ("a name without an end", "x" * 100_000, "{}", NOT_ITS_TOOL),
    ("a name that forges a line of the log", 'x\n{"event": "ended"}', "{}", NOT_ITS_TOOL),
    ("a method of a tool", "hang_up.__class__", "{}", NOT_ITS_TOOL),
    ("Python's import", "__import__", '{"name": "os"}', NOT_ITS_TOOL),
    ("a tool that the platform runs", "web_search", '{"query": "x"}', NOT_ITS_TOOL),
    ("a tool of an MCP server", "mcp:part_lookup", "{}", NOT_ITS_TOOL),
    # Numbers
    ("a transfer to a number", "transfer", '{"destination": "+19005550100"}', NOT_ITS_TOOL),
    ("a transfer to a SIP address", "transfer", '{"destination": "sip:evil@example.com"}', NOT_ITS_TOOL),
    ("a transfer by a destination's name", "transfer", '{"destination": "front_desk"}', NOT_ITS_TOOL),
    ("a referral", "refer", '{"target_uri": "tel:+19005550100"}', NOT_ITS_TOOL),
    # Paths
    ("a path upwards", ORDER, order("../../admin"), REFUSED),
    ("two dots", ORDER, order(".."), REFUSED),
    ("one dot", ORDER, order("."), REFUSED),
    ("a path upwards in Windows' way", ORDER, order("..\\..\\admin"), REFUSED),
    ("a path upwards at the end", ORDER, order("42/.."), REFUSED),
    ("a path upwards, encoded", ORDER, order("%2e%2e%2fadmin"), "HTTP 404"),
    ("a path upwards, encoded twice", ORDER, order("%252e%252e%252fadmin"), "HTTP 404"),
    ("a path upwards, overlong", ORDER, order("%c0%ae%c0%ae/admin"), "HTTP 404"),
    ("another path", ORDER, order("/api/refunds"), "HTTP 404"),
    ("another host", ORDER, order("//evil.example.com/"), "HTTP 404"),
    ("another URL", ORDER, order("https://evil.example.com/"), "HTTP 404"),
    ("a file", ORDER, order("file:///etc/passwd"), "HTTP 404"),
    ("a user name before another host", ORDER, order("@evil.example.com"), "HTTP 404"),
    ("a query of its own", ORDER, order("42?admin=1"), "HTTP 404"),
    ("a fragment", ORDER, order("42#"), "HTTP 404"),
    ("a parameter of the path", ORDER, order("42;admin=1"), "HTTP 404"),
    ("a slot within a slot", ORDER, order("{order}"), "HTTP 404"),
    ("another pair of the query", "find_article", '{"words": "x&admin=1"}', "HTTP 404"),
    # Lines
    ("a header in a path", ORDER, order("42\r\nX-Admin: 1"), REFUSED),
    ("a request in a path", ORDER, order("42 HTTP/1.1\r\nHost: evil.example.com\r\n\r\nGET /"), REFUSED),
    ("a header in a query", "find_article", '{"words": "x\\r\\nX-Admin: 1"}', REFUSED),
    ("a line separator", ORDER, order("42\u2028"), REFUSED),
    ("an end of text", ORDER, order("42\x00.json"), REFUSED),
    ("a number and a line break", "order_by_number", order("42\n"), REFUSED),
    # Arguments
    ("digits of another script", "order_by_number", order("\uff14\uff12"), REFUSED),
    ("a template", "order_by_number", order("{{7*7}}"), REFUSED),
    ("a reference to a secret", "order_by_number", order("${env:HOOK}"), REFUSED),
    ("a day with more after it", "book_slot", '{"day": "2026-03-02T00:00; DROP TABLE slots"}', REFUSED),
    ("nothing", ORDER, order(""), REFUSED),
    ("null", ORDER, order(None), REFUSED),
    ("an object", ORDER, order({"$ne": None}), REFUSED),
    ("an array", ORDER, order(["42", "43"]), REFUSED),
    ("a URL beside the arguments", ORDER, '{"order": "42", "url": "http://169.254.169.254/"}', REFUSED),
    ("headers beside the arguments", ORDER, '{"order": "42", "headers": {"X-Admin": "1"}}', REFUSED),
    ("a method beside the arguments", ORDER, '{"order": "42", "method": "DELETE"}', REFUSED),
    ("a prototype", ORDER, '{"order": "42", "__proto__": {"admin": true}}', REFUSED),
    ("an argument twice", ORDER, '{"order": "42", "order": "../../admin"}', REFUSED),
    ("no object", ORDER, '["42"]', REFUSED),
    ("no JSON", ORDER, "order=42", REFUSED),
    ("two objects", ORDER, '{"order": "42"} {"order": "43"}', REFUSED),
    ("half a letter", ORDER, '{"order": "\\ud800"}', REFUSED),
    ("no number", "find_article", '{"words": "x", "page": NaN}', REFUSED),
    ("an argument without an end", ORDER, order("4" * 9_000), REFUSED),
    ("arguments without an end", ORDER, order("4" * 100_000), REFUSED),
    ("arguments as deep as a well", ORDER, '{"order":' + "[" * 20_000 + "]" * 20_000 + "}", REFUSED),
    # Code
    ("code for a word", "quote", '{"bike": "__import__(\'os\').system(\'id\')", "hours": 1}', REFUSED),
    ("code for a number", "quote", '{"bike": "city", "hours": "__import__(\'os\')"}', REFUSED),
    ("more than there may be", "quote", '{"bike": "city", "hours": 1e308}', REFUSED),
    ("truth for a number", "quote", '{"bike": "city", "hours": true}', REFUSED),
    ("another call's id", "quote", '{"bike": "city", "hours": 1, "call": {"id": "other"}}', REFUSED),
    ("the function itself", "quote", '{"bike": "city", "hours": 1, "self": null}', REFUSED),
    # Addresses
    ("a name for the cloud's metadata", "inside", "{}", "address refused"),
    ("a name for this machine", "mapped", "{}", "address refused"),
    ("a name for the neighbours", "metadata_name", "{}", "address refused"),
    ("a server that sends elsewhere", "moved", "{}", "redirect: HTTP 302"),
    ("a name that changes its mind", "rebound", "{}", "address refused"),
]


@pytest.fixture
async def shop(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path, nursery)
    await shop.world.start()
    yield shop
    shop.world.stop()


def harmless(request: httpx.Request) -> bool:
    """Whether a request is one that the configuration means."""
    target = f"{request.method} {request.headers['host']}{request.url.raw_path.decode()}"
    meant = (
        r"GET shop\.example\.com/api/orders/[A-Za-z0-9%._~-]+",
        r"GET shop\.example\.com/api/search\?q=[A-Za-z0-9%._~-]+",
        r"GET shop\.example\.com/api/notes",
        r"POST shop\.example\.com/api/slots",
        r"GET (moved|rebound)\.example\.com/",
    )
    names = {name for name in request.headers if name not in {"authorization", "content-type", "content-length"}}
    usual = {"host", "accept", "accept-encoding", "connection", "user-agent", "idempotency-key", "x-callwarden-call"}
    return (
        request.url.host in PUBLIC
        and request.url.scheme == "https"
        and names == usual
        and any(re.fullmatch(pattern, target) for pattern in meant)
    )


def refusals(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The audit: what the log has of uses that were refused, and why."""
    return [
        (line.get("name", ""), line["why"])
        for line in lines
        if line["event"] == "tool_refused" or (line["event"] == "tool_ended" and not line["ok"])
    ]


def test_there_are_enough() -> None:
    assert len(ATTEMPTS) >= 40
    assert len({attempt[0] for attempt in ATTEMPTS}) == len(ATTEMPTS)


@pytest.mark.parametrize(("tool", "arguments", "why"), [a[1:] for a in ATTEMPTS], ids=[a[0] for a in ATTEMPTS])
async def test_an_attempt(
    autojump_clock: MockClock, shop: Shop, logged: Logged, tool: str, arguments: str, why: str
) -> None:
    call = await shop.call(Reply(tool=tool, arguments=arguments), SORRY, steps=(Wait(4, over=True), Wait(1)))
    assert all(map(harmless, shop.internet.asked)), [str(request.url) for request in shop.internet.asked]
    assert call.refers == []
    (output,) = outputs(call)
    assert isinstance(output["error"], str)
    assert WEBHOOK_SECRET not in json.dumps(output)
    # Refused, and written down.
    assert refusals(logged()) == [(tool[:64], why)]
    assert max(len(json.dumps(line)) for line in logged()) < 1000
    # The caller is still there, is spoken to, and leaves when they want to.
    assert call.session is not None
    assert call.session.spoken == [SORRY.words]
    assert shop.world.receipt(call).outcome == "caller_left"


async def test_an_honest_use_among_them(autojump_clock: MockClock, shop: Shop, logged: Logged) -> None:
    call = await shop.call(Reply(tool=ORDER, arguments=order("42")), SORRY, steps=(Wait(4, over=True), Wait(1)))
    assert outputs(call) == [{"status": "ready"}]
    assert refusals(logged()) == []
    (asked,) = shop.internet.asked
    assert (asked.url.host, asked.extensions["sni_hostname"]) == ("93.184.215.14", "shop.example.com")


@pytest.mark.parametrize(
    "note", ["{{7*7}}", "{day}", "${env:HOOK}", "%0d%0aX-Admin: 1", "a\r\nb", '"}, "by": "root', "\u202e", "<script>"]
)
async def test_words_in_a_body_are_words(autojump_clock: MockClock, shop: Shop, note: str) -> None:
    arguments = json.dumps({"day": "2026-03-02", "note": note})
    call = await shop.call(Reply(tool="book_slot", arguments=arguments), SORRY, steps=(Wait(4, over=True), Wait(1)))
    assert outputs(call) == [{"booked": True}]
    (asked,) = shop.internet.asked
    assert harmless(asked)
    assert json.loads(asked.content) == {"slot": {"day": "2026-03-02"}, "note": note, "by": "phone"}


async def test_orders_in_what_a_tool_gave_are_followed_nowhere(
    autojump_clock: MockClock, shop: Shop, logged: Logged
) -> None:
    """The model believes every word of it, and can do nothing about it."""
    transfer = Use("transfer", '{"destination": "+19005550100"}')
    fetch = Use(ORDER, order("http://169.254.169.254/"))
    evil = Reply(tools=(Use("refund", '{"amount": 1000}'), transfer, fetch))
    call = await shop.call(Reply(tool="notes"), evil, SORRY, steps=(Wait(8, over=True), Wait(1)))
    assert outputs(call)[0] == {"notes": [POISON]}
    assert sorted(refusals(logged())) == [
        (ORDER, "HTTP 404"),
        ("refund", NOT_ITS_TOOL),
        ("transfer", NOT_ITS_TOOL),
    ]
    assert all(map(harmless, shop.internet.asked))
    assert call.refers == []
    assert POISON not in json.dumps(logged())
    assert shop.world.receipt(call).outcome == "caller_left"


def announced(use_id: object, name: str = ORDER, arguments: str = order("42")) -> Emit:
    """A use as the platform announces it; nothing says that it must be a new one."""
    kind = "response.function_call_arguments.done"
    return Emit(json.dumps({"type": kind, "call_id": use_id, "name": name, "arguments": arguments}))


async def test_an_id_that_is_used_again_runs_nothing(autojump_clock: MockClock, shop: Shop) -> None:
    again = (announced("u1"), announced("u1", arguments=order("43")), announced("u1", "refund", '{"amount": 1}'))
    call = await shop.call(SORRY, steps=(*again, Wait(6, over=True), announced("u1"), Wait(1)))
    assert [request.url.raw_path for request in shop.internet.asked] == [b"/api/orders/42"]
    assert outputs(call) == [{"status": "ready"}]
    assert len(shop.entries(call, journal.ToolCalled)) == 1


@pytest.mark.parametrize("use_id", [None, 1, ["u1"], {"id": "u1"}])
async def test_an_id_that_is_none_runs_nothing(autojump_clock: MockClock, shop: Shop, use_id: object) -> None:
    call = await shop.call(SORRY, steps=(announced(use_id), Wait(6, over=True)))
    assert (shop.internet.asked, outputs(call)) == ([], [])
    assert shop.world.receipt(call).outcome == "caller_left"


async def test_an_id_is_no_header(autojump_clock: MockClock, shop: Shop) -> None:
    call = await shop.call(SORRY, steps=(announced("u1\r\nX-Admin: 1"), Wait(6, over=True), Wait(1)))
    assert outputs(call) == [{"status": "ready"}]
    (asked,) = shop.internet.asked
    assert harmless(asked)
    assert re.fullmatch("[0-9a-f]{64}", asked.headers["idempotency-key"])


async def test_running_in_circles_has_an_end(autojump_clock: MockClock, shop: Shop, logged: Logged) -> None:
    many = Reply(tools=(Use(ORDER, order("42")),) * 12)
    steps = tuple(step for _ in range(5) for step in (Wait(5, over=True), Say("go on")))
    call = await shop.call(*[many] * 6, steps=steps)
    reasons = [why for _, why in refusals(logged())]
    assert {*reasons} == {"over 50 uses in one call"}
    assert len(shop.internet.asked) == len(outputs(call)) - len(reasons) <= 50
    assert shop.world.receipt(call).outcome == "caller_left"
