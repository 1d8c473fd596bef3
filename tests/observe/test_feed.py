from daemon.core.journal import GoodbyeSaid, Record
from daemon.observe.feed import Feed


def test_every_watcher_gets_every_entry_in_order_with_its_time() -> None:
    times = iter([1.0, 2.0])
    feed = Feed(lambda: next(times))
    first: list[Record] = []
    second: list[Record] = []
    feed.watch(first.append)
    feed.publish("a", GoodbyeSaid())
    feed.watch(second.append)
    feed.publish("b", GoodbyeSaid())
    assert [(record.at, record.call_id) for record in first] == [(1.0, "a"), (2.0, "b")]
    assert [record.call_id for record in second] == ["b"]
