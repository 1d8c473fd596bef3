"""What operators see of a living daemon and can do to it, over its control socket."""

import signal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import trio

from daemon.config import Agent, Config, Destination, Drain, HttpTool, Number
from daemon.config.records import Limits
from daemon.errors import ConfigError, Problem, StartError
from daemon.sandbox.script import Leave, Say, Script, Wait
from tests.configured import CALLED, CALLER, configuration
from tests.conftest import Logged
from tests.live import Live, eventually, kill, live_daemon

QUICK = Drain(deadline=5.0, lame_duck=0.0)
STAYS = Script()


async def get(live: Live, path: str) -> Any:
    response = await live.control.get(path)
    response.raise_for_status()
    return response.json()


async def post(live: Live, path: str, **body: object) -> httpx.Response:
    return await live.control.post(path, json=body) if body else await live.control.post(path)


async def until(live: Live, path: str, wanted: dict[str, object]) -> dict[str, Any]:
    """Look until what is seen holds what is wanted."""
    with trio.fail_after(5):
        while True:
            seen: dict[str, Any] = await get(live, path)
            found = seen.get("call", seen)
            if all(found.get(key) == value for key, value in wanted.items()):
                return seen
            await trio.sleep(0.01)


async def readiness(live: Live, status: int) -> None:
    """Wait until a balancer would see this."""
    for _ in range(200):
        if (await live.client.get("/readyz")).status_code == status:
            return
        await trio.sleep(0.01)
    raise AssertionError(status)


async def test_a_call_from_the_operators_side(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        status = await get(live, "/v1/status")
        assert (status["state"], status["calls"], status["max_calls"]) == ("ready", 0, 20)
        assert status["generations"] == [
            {"number": 1, "loaded_at": status["generations"][0]["loaded_at"], "calls": 0, "present": True}
        ]
        assert status["ledger"] == {"up": True, "why": "", "claims": True}
        call = await live.ring(Script(steps=(Wait(0.05), Say("hello there")), seconds_per_word=0.01))
        await until(live, f"/v1/calls/{call.id}", {"state": "talking"})
        with trio.fail_after(5):
            turns: list[dict[str, object]] = []
            while len(turns) < 2 or not all(turn["final"] for turn in turns):
                turns = (await get(live, f"/v1/calls/{call.id}"))["turns"]
        (line,) = (await get(live, "/v1/calls"))["calls"]
        assert (line["call_id"], line["called"], line["caller"]) == (call.id, CALLED, CALLER)
        assert (line["agent"], line["joined"], line["in_debt"], line["generation"]) == ("support", True, True, 1)
        assert line["deadlines"][-1]["name"] == "max_duration"
        assert all(each["owner"] == "agent support" for each in line["deadlines"])
        detail = await get(live, f"/v1/calls/{call.id}")
        assert {"speaker": "caller", "text": "hello there", "final": True} in detail["turns"]
        assert "agent" in {turn["speaker"] for turn in detail["turns"]}
        done = (await post(live, f"/v1/calls/{call.id}/hangup", reason="the office\u202e closes\n")).json()
        assert (done["result"], done["outcome"]) == ("done", "hung_up")
        assert done["says"] == "hung_up: the office closes > operator uid 0"
        assert (await live.control.get(f"/v1/calls/{call.id}")).status_code == 404
        kill()
    assert call.ended_by == "hangup"
    (ended,) = [record["entry"] for record in live.records() if record["entry"]["kind"] == "Ended"]
    assert ended["receipt"]["reasons"] == ["the office closes", "operator uid 0"]  # type: ignore[index]


async def test_what_was_done_is_logged_with_who_did_it(tmp_path: Path, logged: Logged) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        call = await live.ring(STAYS)
        await post(live, f"/v1/calls/{call.id}/hangup")
        await post(live, "/v1/pause")
        kill()
    acts = [line for line in logged() if line["event"] == "operator"]
    assert [(line["verb"], line["who"], line["status"], line["uid"]) for line in acts] == [
        ("hang_up", "operator uid 0", 200, 0),
        ("pause", "operator uid 0", 200, 0),
    ]
    assert acts[0]["call_id"] == call.id


async def test_a_hang_up_that_the_platform_refuses(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        call = live.board.place(STAYS)
        call.hang_up_refusals = [500]
        (await live.announce(call)).raise_for_status()
        done = (await post(live, f"/v1/calls/{call.id}/hangup")).json()
        assert done["result"] == "begun"
        assert "owed" in done["says"]
        (debt,) = (await get(live, "/v1/status"))["debts"]
        assert (debt["call_id"], debt["reasons"], debt["outcome"]) == (call.id, ["operator uid 0"], None)
        await until(live, "/v1/status", {"debts": []})
        kill()
    assert call.ended_by == "hangup"


async def test_a_transfer(tmp_path: Path) -> None:
    config = msgspec.structs.replace(
        configuration(drain=QUICK), destinations={"front_desk": Destination(uri="tel:+18005550123")}
    )
    async with live_daemon(config, tmp_path) as live:
        call = await live.ring(STAYS)
        await until(live, f"/v1/calls/{call.id}", {"state": "talking"})
        unknown = await post(live, f"/v1/calls/{call.id}/transfer", destination="moon")
        assert unknown.status_code == 404
        assert unknown.json()["detail"] == 'no destination "moon"; there is: front_desk'
        assert (await post(live, "/v1/calls/nobody/transfer", destination="front_desk")).status_code == 404
        assert (await post(live, f"/v1/calls/{call.id}/transfer")).status_code == 422
        done = await post(live, f"/v1/calls/{call.id}/transfer", destination="front_desk")
        assert done.json()["result"] == "begun"
        await until(live, "/v1/status", {"calls": 0})
        kill()
    (ended,) = [record["entry"] for record in live.records() if record["entry"]["kind"] == "Ended"]
    assert ended["receipt"]["reasons"] == ["transfer to front_desk", "operator uid 0"]  # type: ignore[index]


async def test_pause_and_resume(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        assert (await post(live, "/v1/resume")).json()["result"] == "nothing"
        assert (await post(live, "/v1/pause")).json()["result"] == "done"
        assert (await post(live, "/v1/pause")).json()["result"] == "nothing"
        assert (await get(live, "/v1/status"))["state"] == "paused"
        assert (await live.client.get("/readyz")).status_code == 503
        assert (await post(live, "/v1/resume")).json()["result"] == "done"
        assert (await live.client.get("/readyz")).status_code == 200
        kill()


async def test_a_drain_that_is_called_off(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=Drain(deadline=5.0, lame_duck=5.0)), tmp_path) as live:
        call = await live.ring(STAYS)
        assert (await post(live, "/v1/drain")).json() == {"result": "begun", "says": "draining", "outcome": None}
        assert (await post(live, "/v1/drain")).json()["result"] == "nothing"
        status = await get(live, "/v1/status")
        assert status["state"] == "draining"
        assert status["drain"] == {"reasons": ["operator uid 0"], "closed": False, "seconds": None}
        await readiness(live, 503)
        assert (await post(live, "/v1/pause")).status_code == 409
        assert (await post(live, "/v1/resume")).json()["result"] == "done"
        await until(live, "/v1/status", {"state": "ready"})
        await readiness(live, 200)
        (await live.announce(live.board.place(STAYS))).raise_for_status()
        assert (await post(live, "/v1/drain", now=True)).json()["result"] == "begun"
        assert await live.exit_code() == 0
    assert call.ended_by == "hangup"


async def test_a_drain_is_watched_to_its_end(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=Drain(deadline=0.5, lame_duck=0.0)), tmp_path) as live:
        await live.ring(STAYS)
        await post(live, "/v1/drain")
        status = await until(live, "/v1/status", {"state": "closing"})
        assert status["calls"] == 1
        assert 0 < status["drain"]["seconds"] <= 0.5
        assert (await post(live, "/v1/resume")).status_code == 409
        assert await live.exit_code() == 75


def other_agent(config: Config) -> Config:
    """The same with another greeting, and more lines."""
    return msgspec.structs.replace(
        config, agents={"support": Agent(instructions="Help.", greeting="Hello again.")}, limits=Limits(max_calls=30)
    )


async def test_a_reload_under_a_live_call(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path, read=other_agent) as live:
        first = await live.ring(STAYS)
        reloaded = await post(live, "/v1/reload")
        assert reloaded.json() == {
            "generation": 2,
            "changed": ["agents.support.greeting", "limits.max_calls"],
            "restart_keys": [],
        }
        second = await live.ring(STAYS)
        status = await get(live, "/v1/status")
        assert [(each["number"], each["calls"], each["present"]) for each in status["generations"]] == [
            (1, 1, False),
            (2, 1, True),
        ]
        assert status["max_calls"] == 30
        await until(live, f"/v1/calls/{second.id}", {"state": "talking", "generation": 2})
        await until(live, f"/v1/calls/{first.id}", {"state": "talking", "generation": 1})
        await eventually(lambda: all(call.session and call.session.spoken for call in (first, second)))
        kill()
        await trio.sleep(0.05)
        kill()
    spoken = [call.session.spoken for call in (first, second) if call.session]
    assert spoken == [["Welcome."], ["Hello again."]]


async def test_a_bad_file_changes_nothing(tmp_path: Path, logged: Logged) -> None:
    def bad(config: Config) -> Config:
        raise ConfigError(
            Problem("config.toml: [limits] max_calls", "expected 1"), Problem("config.toml: x", "unknown")
        )

    async with live_daemon(configuration(drain=QUICK), tmp_path, read=bad) as live:
        refused = await post(live, "/v1/reload")
        assert refused.status_code == 422
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert [each["what"] for each in refused.json()["problems"]] == ["expected 1", "unknown"]
        status = await get(live, "/v1/status")
        assert status["generations"][0]["number"] == 1
        assert "config.toml: [limits] max_calls: expected 1" in status["reload_failure"]
        kill(signal.SIGHUP)
        await eventually(lambda: len([line for line in logged() if line["event"] == "reload_refused"]) == 2)
        call = await live.ring(Script(steps=(Wait(0.01), Leave())))
        await call.over.wait()
        metrics = (await live.control.get("/metrics")).text
        assert 'callwarden_config_reloads_total{result="refused"} 2.0' in metrics
        assert "callwarden_config_last_reload_success 0.0" in metrics
        kill()


async def test_a_bug_of_ours_in_a_reload_ends_no_call(tmp_path: Path, logged: Logged) -> None:
    errors: list[Exception] = [ZeroDivisionError("a bug"), StartError("no certificates")]

    def broken(config: Config) -> Config:
        raise errors.pop()

    async with live_daemon(configuration(drain=QUICK), tmp_path, read=broken) as live:
        call = await live.ring(STAYS)
        refused = await post(live, "/v1/reload")
        assert (refused.status_code, refused.json()["problems"][0]["what"]) == (422, "no certificates")
        assert (await post(live, "/v1/reload")).status_code == 409
        assert (await get(live, f"/v1/calls/{call.id}"))["call"]["generation"] == 1
        kill()
        await trio.sleep(0.05)
        kill()
    assert "reload_failed" in [line["event"] for line in logged()]


async def test_keys_that_need_a_restart_are_named_and_keep_their_value(tmp_path: Path) -> None:
    def moved(config: Config) -> Config:
        server = msgspec.structs.replace(config.server, bind=("127.0.0.1:1",), clock_tolerance=60.0)
        return msgspec.structs.replace(config, server=server)

    async with live_daemon(configuration(drain=QUICK), tmp_path, read=moved) as live:
        for generation, changed in ((2, ["server.clock_tolerance"]), (2, [])):
            answer = (await post(live, "/v1/reload")).json()
            assert answer == {"generation": generation, "changed": changed, "restart_keys": ["server.bind"]}
        assert (await get(live, "/v1/status"))["restart_keys"] == ["server.bind"]
        kill()


async def test_webhook_secrets_and_routes_hold_at_once(tmp_path: Path) -> None:
    other = "+18005550777"

    def rerouted(config: Config) -> Config:
        return msgspec.structs.replace(config, numbers={other: Number(agent="support")})

    async with live_daemon(configuration(drain=QUICK), tmp_path, read=rerouted) as live:
        (await post(live, "/v1/reload")).raise_for_status()
        refused = await live.announce(live.board.place(STAYS))
        assert refused.json()["result"] == "unrouted"
        metrics = (await live.control.get("/metrics")).text
        assert 'callwarden_admission_refusals_total{cause="unrouted"} 1.0' in metrics
        kill()


async def test_a_tool_that_comes_with_a_reload(tmp_path: Path) -> None:
    def equipped(config: Config) -> Config:
        tool = HttpTool(description="Looks up an order.", url="https://orders.test/")
        agent = Agent(instructions="Help.", greeting="Welcome.", tools=("hang_up", "lookup_order"))
        return msgspec.structs.replace(config, tools={"lookup_order": tool}, agents={"support": agent})

    async with live_daemon(configuration(drain=QUICK), tmp_path, read=equipped) as live:
        assert (await post(live, "/v1/reload")).json()["changed"] == ["agents.support.tools", "tools.lookup_order"]
        call = await live.ring(STAYS)
        await eventually(lambda: call.session and call.session.spoken)
        assert call.session is not None
        assert "lookup_order" in str(call.session._settings)
        kill()
        await trio.sleep(0.05)
        kill()


async def test_a_storm_of_signals_is_few_reloads(tmp_path: Path, logged: Logged) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path, read=lambda config: config) as live:
        for _ in range(50):
            kill(signal.SIGHUP)
            await trio.sleep(0.001)
        await until(live, "/v1/status", {"state": "ready"})
        kill()
    loads = [line for line in logged() if line["event"] == "reloading"]
    assert 1 <= len(loads) <= 50


async def test_no_reload_during_a_drain(tmp_path: Path, logged: Logged) -> None:
    drain = Drain(deadline=5.0, lame_duck=1.0)
    async with live_daemon(configuration(drain=drain), tmp_path, read=lambda config: config) as live:
        kill()
        await until(live, "/v1/status", {"state": "draining"})
        answer = await post(live, "/v1/reload")
        assert answer.status_code == 409
        assert "drains" in answer.json()["detail"]
        assert [line["event"] for line in logged() if line["event"].startswith("reload")] == ["reload_ignored"]
        kill()


async def test_a_daemon_without_a_file_to_read(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        assert (await post(live, "/v1/reload")).status_code == 409
        kill()


async def test_the_tree(tmp_path: Path, logged: Logged) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        call = await live.ring(STAYS)
        await until(live, f"/v1/calls/{call.id}", {"state": "talking"})
        await eventually(lambda: call.session and call.session.spoken)
        root = await get(live, "/v1/tree")
        tasks = {task["name"]: task for task in flat(root)}
        mine = tasks[f"call {call.id}"]
        assert (mine["call"], mine["debt"]) == ("talking", "a hang-up")
        assert mine["waits_for"] == "the platform's next event"
        assert mine["deadlines"][-1]["name"] == "max_duration"
        assert {task["name"]: task["waits_for"] for task in mine["tasks"]} == {
            f"writer {call.id}": "a frame to send",
            f"timer {call.id}": "the conversation's next deadline",
            f"ping {call.id}": "the next ping, or its answer",
            "_reader_task": "bytes from the platform",
        }
        unknown = {name: task["waits_for"] for name, task in tasks.items() if task["waits_for"].startswith("(")}
        assert unknown == {}
        kill(signal.SIGUSR2)
        await eventually(lambda: any(line.get("name") == f"call {call.id}" for line in logged()))
        text = str([line for line in logged() if line["event"] == "task"])
        assert CALLER not in text
        kill()
        await trio.sleep(0.05)
        kill()


def flat(task: dict[str, Any]) -> list[dict[str, Any]]:
    return [task, *(line for child in task["tasks"] for line in flat(child))]


PATHS = ["/v1", "/v1/calls/", "/v1/calls/../status", "/v1/calls/%2e%2e%2fstatus", "/v1/calls/a.b"]


async def test_without_the_console(tmp_path: Path) -> None:
    config = configuration(drain=QUICK)
    operator = msgspec.structs.replace(config.operator, console=False)
    async with live_daemon(msgspec.structs.replace(config, operator=operator), tmp_path) as live:
        for path in ("/", "/history", "/login", "/static/console.js"):
            answer = await live.control.get(path)
            assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
        assert (await live.control.get("/v1/status")).status_code == 200
        kill()


async def test_nothing_else_is_there(tmp_path: Path) -> None:
    async with live_daemon(configuration(drain=QUICK), tmp_path) as live:
        for path in PATHS:
            stream = await trio.open_unix_socket(tmp_path / "control.sock")
            async with stream:
                await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                answer = b"".join([bytes(data) async for data in stream])
            assert answer.startswith(b"HTTP/1.1 404"), path
            assert b"application/problem+json" in answer
        # And none of it is on the public port.
        for path in ("/v1/status", "/", "/history", "/login", "/static/console.js"):
            assert (await live.client.get(path)).status_code == 404
        kill()
