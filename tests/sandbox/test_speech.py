from daemon.sandbox.speech import SpokenItem, Wire, function_call, response_done
from tests.contract import complaints


def test_ids_and_events_are_numbered_alike_in_every_run() -> None:
    one, two = Wire("s"), Wire("s")
    assert [one.fresh("item"), one.event("ping")] == [two.fresh("item"), two.event("ping")]


def test_a_spoken_item_that_is_cut_off_holds_what_was_said() -> None:
    item = SpokenItem(Wire("s"), "resp-1", "one two three")
    list(item.opening())
    words = item.speaking()
    next(words)
    next(words)
    closing = list(item.closing("cancelled"))
    assert closing[1]["transcript"] == "one two"
    assert closing[-1]["item"]["content"] == [{"type": "audio", "transcript": "one two"}]


def test_a_function_call_keeps_its_ids() -> None:
    frames = list(function_call(Wire("s"), "resp-1", 1, "look_up", "{}"))
    assert len({frame["call_id"] for frame in frames if "call_id" in frame}) == 1
    for frame in frames:
        assert complaints("server-events", frame["type"], frame) == []


def test_usage_is_where_live_frames_have_it() -> None:
    done = response_done(Wire("s"), "resp-1", "completed", 2.4, 8)
    assert done["usage"]["output_audio_seconds"] == 2.4
    assert done["usage"]["billable_audio_seconds"] == 3.0
    assert done["response"]["usage"] == {}
