"""History: what can be searched for, a page at a time."""

import re
from pathlib import Path

import pytest

from daemon.console.history import PAGE, Misunderstood, wanted
from tests.configured import CALLED, CALLER
from tests.console.served import Console, served_console


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"number": "0800 555"}, "number: write it with a plus sign"),
        ({"call": "a b"}, "call: its id"),
        ({"receipt": "nonsense"}, "receipt: choose"),
        ({"from": "yesterday"}, "from: write a date"),
        ({"to": "99999-01-01"}, "to: write a date"),
        ({"words": "- !"}, "words: there is no word in it"),
        ({"words": "a " * 100}, "words: there are more than"),
    ],
)
def test_what_is_not_understood(asked: dict[str, str], why: str) -> None:
    with pytest.raises(Misunderstood, match=re.escape(why)):
        wanted(asked)


def test_what_is() -> None:
    search = wanted({"number": "+1 (800) 555-0199", "receipt": "live", "words": " order  42 ", "after": "1.5~abc"})
    assert (search.number, search.live, search.outcome) == ("+18005550199", True, None)
    assert (search.words, search.before) == (("order", "42"), (1.5, "abc"))
    assert wanted({"after": "nonsense"}).before is None
    minute = wanted({"from": "2026-07-01T09:30", "to": "2026-07-01T09:30"})
    assert minute.earliest is not None
    assert minute.latest is not None
    assert 59 < minute.latest - minute.earliest < 60  # the whole minute


async def found(console: Console, **asked: str) -> list[str]:
    page = await console.unix.get("/history", params=asked)
    assert page.status_code == 200
    return re.findall(r'id="call-([a-z0-9-]+)"', page.text)


async def test_searching(tmp_path: Path) -> None:
    async with served_console(tmp_path) as console:
        ledger = console.ledger
        ledger.node()
        ledger.claim("old")
        ledger.end("old", "hung_up", "the <b> office")
        ledger.pass_time(7200)
        ledger.claim("sales", agent="sales", caller="+4930123456")
        ledger.said("sales", "caller", "where is my <i>order</i>")
        ledger.end("sales")
        ledger.claim("live")
        assert await found(console) == ["live", "sales", "old"]
        assert await found(console, number="+49 30 123456") == ["sales"]
        assert await found(console, number=CALLER) == ["live", "old"]
        assert await found(console, number=CALLED, receipt="live") == ["live"]
        assert await found(console, receipt="hung_up") == ["old"]
        assert await found(console, agent="sales") == ["sales"]
        assert await found(console, call="sal") == ["sales"]
        assert await found(console, words="ORDER where") == ["sales"]
        assert await found(console, words="nobody") == []
        assert await found(console, **{"from": "2001-01-01T00:00", "to": "2001-01-02T00:00"}) == []
        page = (await console.unix.get("/history", params={"words": "order"})).text
        assert "where is my &lt;i&gt;order&lt;/i&gt;" in page
        page = (await console.unix.get("/history", params={"receipt": "hung_up"})).text
        assert "the &lt;b&gt; office" in page
        page = (await console.unix.get("/history", params={"number": '"><script>'})).text
        assert 'value="&#34;&gt;&lt;script&gt;"' in page
        assert "number: write it with" in page
        assert "No calls that fit" in (await console.unix.get("/history", params={"agent": "x"})).text


async def test_page_after_page(tmp_path: Path) -> None:
    async with served_console(tmp_path) as console:
        console.ledger.node()
        for number in range(PAGE + 3):
            console.ledger.claim(f"call-{number}")
        seen: list[str] = []
        address = "/history?agent=support"
        for _ in range(3):
            page = (await console.unix.get(address)).text
            seen += re.findall(r'id="call-([a-z0-9-]+)"', page)
            more = re.search(r'rel="next" href="([^"]+)"', page)
            if more is None:
                break
            address = more[1].replace("&amp;", "&")
            assert "agent=support" in address
        assert len(seen) == PAGE + 3
        assert len(set(seen)) == PAGE + 3
