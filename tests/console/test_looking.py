"""The pages that show what is."""

from pathlib import Path

from daemon.console.looking import MOST
from daemon.core import journal
from daemon.errors import LedgerUnavailable
from tests.console.served import served_console
from tests.operate.fakes import call_view


async def test_the_list_of_calls(tmp_path: Path) -> None:
    calls = [call_view(f"call-{number}", caller=None if number else "+14155550100") for number in range(3)]
    async with served_console(tmp_path, calls) as console:
        page = (await console.unix.get("/")).text
        assert "3 calls in progress" in page
        assert page.count("withheld") == 2
        assert 'href="/calls/call-2"' in page
        # A moment ago is good enough, and costs nothing, however many look.
        console.desk.live.clear()
        assert (await console.unix.get("/", params={"part": "calls"})).text in page


async def test_very_many_calls(tmp_path: Path) -> None:
    calls = [call_view(f"call-{number}") for number in range(MOST + 10)]
    async with served_console(tmp_path, calls) as console:
        part = (await console.unix.get("/?part=calls")).text
        assert f"{MOST + 10} calls in progress, oldest first; the first {MOST} are shown" in part
        assert part.count('id="call-') == MOST


async def test_a_live_call_of_which_the_ledger_knows_more(tmp_path: Path) -> None:
    async with served_console(tmp_path, [call_view()]) as console:
        ledger = console.ledger
        ledger.node()
        ledger.claim("call-1")
        ledger.used("call-1", "use-1", "look_up", '{"bill": "<38>"}')
        ledger.used("call-1", "use-2", "wait", None)
        ledger.happened("call-1", journal.KeyPressed(digit=None), journal.LineLost(why="1006"))
        page = (await console.unix.get("/calls/call-1")).text
        for words in ("look_up", "&lt;38&gt;", "running", "key •", "line lost", "Who spoke when", "Transfer …"):
            assert words in page
        head = (await console.unix.get("/calls/call-1?part=head")).text
        assert "Hang up …" in head
        assert "<html" not in head
        story = (await console.unix.get("/calls/call-1?part=story")).text
        assert "line lost" in story


async def test_a_call_that_is_over(tmp_path: Path) -> None:
    async with served_console(tmp_path) as console:
        ledger = console.ledger
        ledger.node("alpha")
        ledger.claim("call-1")
        ledger.said("call-1", "caller", "where is my order")
        ledger.end("call-1", "hung_up", "drain deadline 1h", "SIGTERM")
        page = (await console.unix.get("/calls/call-1")).text
        for words in ("hung up", "Why it ended", "drain deadline 1h", "because of", "SIGTERM", "where is my order"):
            assert words in page
        assert "Transfer …" not in page
        assert "where is my order" in (await console.unix.get("/calls/call-1?part=talk")).text


async def test_while_the_ledger_is_down(tmp_path: Path) -> None:
    async with served_console(tmp_path, [call_view()]) as console:
        console.database.health.fail(LedgerUnavailable("the disk is full"))
        live = await console.unix.get("/calls/call-1")
        assert live.status_code == 200
        assert "times, tools and keys are missing: the disk is full" in live.text
        past = await console.unix.get("/calls/other")
        assert (past.status_code, "the disk is full" in past.text) == (503, True)
        assert "The other nodes are not known" in (await console.unix.get("/node")).text
        assert "the disk is full" in (await console.unix.get("/history")).text


async def test_the_node(tmp_path: Path) -> None:
    async with served_console(tmp_path) as console:
        page = (await console.unix.get("/node")).text
        for words in ("Node <bdi>node-1", "ready", "Hang-ups owed", "operator uid 0", "Pause …", "Drain …"):
            assert words in page
        assert "Resume …" not in page
        console.desk.state = "paused"
        part = (await console.unix.get("/node?part=node")).text
        assert "Resume …" in part
        assert "Pause …" not in part
        console.ledger.node("alpha", "epoch-1")
        console.ledger.node("beta", "epoch-2")
        assert "All nodes of this ledger" in (await console.unix.get("/node")).text
        assert "1 hang-up owed" in (await console.unix.get("/?part=pulse")).text


async def test_the_task_tree(tmp_path: Path) -> None:
    async with served_console(tmp_path) as console:
        page = (await console.unix.get("/tree")).text
        assert "<b><bdi>child</bdi></b>" in page
