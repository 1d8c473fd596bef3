"""What counts as a difference, and of which kind."""

from daemon.replay.difference import Change, Difference, Pair, compare, differences
from daemon.replay.play import Act


def say(at: float, text: str, number: int = 1) -> Act:
    item = {"type": "force_message", "content": [{"text": text}]}
    return Act(
        at,
        {"kind": "SendFrame", "frame": {"type": "conversation.item.create", "event_id": f"cw-{number}", "item": item}},
    )


def ask(at: float, number: int = 1) -> Act:
    return Act(at, {"kind": "SendFrame", "frame": {"type": "response.create", "event_id": f"cw-{number}"}})


def run(at: float, name: str, arguments: str = "{}") -> Act:
    return Act(at, {"kind": "RunTool", "use": {"id": "u", "name": name, "arguments": arguments}})


def end(at: float, *reasons: str) -> Act:
    return Act(at, {"kind": "HangUp", "reasons": [*reasons]})


def kinds(then: list[Act], now: list[Act]) -> list[str]:
    return [difference.kind for difference in differences(compare(then, now))]


def test_the_same_with_other_numbers_and_a_hair_later() -> None:
    then, now = [say(0.0, "Hi."), ask(2.0, 2)], [say(0.0, "Hi.", 3), ask(2.04, 9)]
    assert compare(then, now) == [Pair(now[0]), Pair(now[1])]


def test_at_another_time() -> None:
    assert differences(compare([ask(2.0)], [ask(3.0)])) == [Difference(kind="moved", then=ask(2.0), now=ask(3.0))]


def test_new_and_gone() -> None:
    assert kinds([say(0.0, "Hi."), ask(1.0)], [say(0.0, "Hi.")]) == ["gone"]
    assert kinds([ask(1.0)], [say(0.0, "Hi."), ask(1.0), end(2.0, "done")]) == ["new", "new"]
    assert kinds([], []) == []


def test_changed_is_what_is_of_the_same_sort() -> None:
    (found,) = differences(compare([say(0.0, "Hi.")], [say(0.0, "Ho.")]))
    assert found.changes == (Change("frame.item.content.0.text", "Hi.", "Ho."),)
    assert kinds([run(1.0, "find", "{}")], [run(1.0, "find", '{"a":1}')]) == ["changed"]
    assert kinds([run(1.0, "find")], [run(1.0, "book")]) == ["gone", "new"]
    assert kinds([end(1.0, "silence")], [end(1.0, "limit")]) == ["changed"]
    assert kinds([say(0.0, "Hi.")], [ask(0.0)]) == ["gone", "new"]


def test_something_new_before_what_has_changed() -> None:
    assert kinds([say(0.0, "a"), say(1.0, "c")], [ask(0.0), say(0.0, "b"), say(1.0, "d")]) == [
        "new",
        "changed",
        "changed",
    ]


def test_lists_of_other_lengths_are_told_whole() -> None:
    (found,) = differences(compare([end(1.0, "a")], [end(1.0, "a", "b")]))
    assert found.changes == (Change("reasons", ["a"], ["a", "b"]),)
