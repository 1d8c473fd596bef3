"""Python tools: what a function is given, and what the model is told of whatever it does."""

import datetime
import json
import threading
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest
import trio

from daemon.config import PythonTool
from daemon.core.effects import ToolUse
from daemon.functions import ToolCall, ToolFailed
from daemon.functions.signature import describe
from daemon.tools import open_tools
from daemon.tools.base import Answer, timed_out
from tests.conftest import Logged
from tests.tools.server import asking

UNKNOWN = "It is not known whether it took effect. Do not repeat it by yourself; tell the caller so."
ONCE_MORE = "You may try once more; if that fails too, tell the caller that it does not work at the moment."


async def told(function: Callable[..., Any], arguments: object = None, **keys: Any) -> tuple[Any, str]:
    """What the model is told, and what is logged about it."""
    tool = PythonTool(function=describe("shop:it", function), description="x", **keys)
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    async with open_tools({"it": tool}) as tools:
        answer = timed_out(tools["it"])
        with trio.move_on_after(tools["it"].timeout):
            answer = await tools["it"].run(asking(), ToolUse(id="u1", name="it", arguments=text))
    return json.loads(answer.output), answer.why


class Slot(msgspec.Struct):
    day: datetime.date
    hours: list[int] = []


async def test_arguments_become_what_the_hints_say() -> None:
    given: list[object] = []

    async def book(slot: Slot, note: str = "none") -> Slot:
        await trio.lowlevel.checkpoint()
        given.extend([slot, note, threading.current_thread() is threading.main_thread()])
        return slot

    answer = await told(book, {"slot": {"day": "2026-03-02", "hours": [9]}})
    assert answer == ({"day": "2026-03-02", "hours": [9]}, "")
    assert given == [Slot(datetime.date(2026, 3, 2), [9]), "none", True]


async def test_a_plain_function_runs_in_a_thread() -> None:
    def book() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert await told(book) == (False, "")


async def test_the_call_is_told_and_is_no_argument() -> None:
    async def book(order: str, about: ToolCall) -> dict[str, Any]:
        return msgspec.structs.asdict(about)

    assert await told(book, {"order": "1"}) == (msgspec.structs.asdict(asking()), "")
    refused, why = await told(book, {"order": "1", "about": {"id": "other"}})
    assert why == "arguments refused"
    assert refused["problems"] == ["Additional properties are not allowed ('about' was unexpected)"]


@pytest.mark.parametrize(
    "result", [1, "words", [1, 2], {"a": None}, datetime.date(2026, 3, 2), Slot(datetime.date.max)]
)
async def test_results(result: object) -> None:
    def give() -> object:
        return result

    assert await told(give) == (json.loads(msgspec.json.encode(result)), "")


async def test_nothing_is_a_result_too() -> None:
    async def do() -> None: ...

    assert await told(do) == ({"ok": True}, "")


WRONG = "The arguments are not right, and nothing was done. Correct them, or ask the caller, and call it again."


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "'day' is a required property"),
        ({"day": "Monday"}, "Invalid RFC3339 encoded date"),
        ({"day": "2026-03-02", "hour": 25}, "hour: 25 is greater than the maximum of 23"),
        ({"day": "2026-03-02", "x": 1}, "Additional properties are not allowed ('x' was unexpected)"),
    ],
)
async def test_wrong_arguments_reach_no_function(arguments: object, problem: str) -> None:
    def book(day: datetime.date, hour: Annotated[int, msgspec.Meta(le=23)] = 9) -> None:
        raise AssertionError("never called")

    answer, why = await told(book, arguments)
    assert (answer["error"], why) == (WRONG, "arguments refused")
    assert answer["problems"][0].startswith(problem)


async def in_place(order: str) -> None:
    secret = f"4111 {order}"
    raise ValueError(secret)


def in_thread(order: str) -> None:
    secret = f"4111 {order}"
    raise ValueError(secret)


async def in_nursery(order: str) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(in_place, order)
        await trio.sleep(1)


@pytest.mark.parametrize("function", [in_place, in_thread, in_nursery])
@pytest.mark.parametrize(("idempotent", "what"), [(False, UNKNOWN), (True, ONCE_MORE)])
async def test_an_exception(function: Callable[..., Any], logged: Logged, *, idempotent: bool, what: str) -> None:
    answer = await told(function, {"order": "1111"}, idempotent=idempotent)
    assert answer == ({"error": f"The tool failed. {what}"}, "raised ValueError")
    (line,) = [line for line in logged() if line["event"] == "tool_raised"]
    assert (line["tool"], line["error"], line["level"]) == ("it", "ValueError", "error")
    assert f"{__file__}:" in line["through"][-1]
    assert "4111" not in json.dumps(line)  # neither its words nor its local variables


async def test_an_exit_is_no_exit_of_the_daemon() -> None:
    def leave() -> None:
        raise SystemExit(1)

    assert (await told(leave))[1] == "raised SystemExit"


async def test_what_the_function_wants_the_model_to_know(logged: Logged) -> None:
    def book() -> None:
        raise ToolFailed("Monday is full. Offer Tuesday.")

    assert await told(book) == ({"error": "Monday is full. Offer Tuesday."}, "refused by the function")
    assert "Monday" not in json.dumps(logged())


async def test_an_async_function_that_takes_too_long_is_cancelled() -> None:
    ended: list[str] = []

    async def book() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("cleaned up")

    answer = await told(book, timeout=0.02)
    assert answer == ({"error": f"There was no answer within 20ms. {UNKNOWN}"}, "no answer within 20ms")
    assert ended == ["cleaned up"]


async def test_a_plain_function_that_takes_too_long_is_left_behind(logged: Logged) -> None:
    go_on = threading.Event()

    def book() -> None:
        go_on.wait(5)

    assert (await told(book, timeout=0.02))[1] == "no answer within 20ms"
    go_on.set()
    (line,) = [line for line in logged() if line["event"] == "tool_thread_left_behind"]
    assert (line["tool"], line["abandoned"]) == ("it", 1)


@pytest.mark.parametrize("result", [object(), {1j: 1}, float, "\ud800"])
async def test_results_that_are_no_json(result: object) -> None:
    def give() -> object:
        return result

    answer, why = await told(give)
    assert answer == {"error": "The tool did its work, but what it gave can't be told."}
    assert why == f"a {type(result).__name__} is no JSON"


async def test_a_result_that_is_too_large() -> None:
    def give() -> str:
        return "x" * 10_000_000

    what = "The tool did its work, but what it gave is too large to be told. Ask for less, if that is possible."
    assert await told(give) == ({"error": what}, "result over 65536 bytes")


async def test_a_coroutine_that_was_not_awaited_is_no_result() -> None:
    tool = PythonTool(function=describe("shop:it", lambda: None), description="x")
    async with open_tools({"it": tool}) as tools:
        assert await tools["it"].run(asking(), ToolUse(id="u1", name="it", arguments="")) == Answer('{"ok":true}')
