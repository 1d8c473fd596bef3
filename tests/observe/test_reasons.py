"""Every reason that our code can give has its label."""

import pytest

from daemon.observe.reasons import LABELS, label_of


@pytest.mark.parametrize(
    ("reasons", "label"),
    [
        (("closed with 1000",), "caller"),
        (("the office closes", "operator uid 1000"), "operator"),
        (("operator with token",), "operator"),
        (("drain deadline 1h", "SIGTERM"), "drain"),
        (("SIGTERM", "SIGINT"), "drain"),
        (("the daemon stops",), "drain"),
        (("goodbye deadline", "max duration 30m"), "max_duration"),
        (("silence 30s",), "silence"),
        (("hang_up by the model: caller is done",), "model"),
        (("goodbye deadline", "hang_up by the model"), "model"),
        (("transfer to front_desk", "hang_up by the model"), "transfer"),
        (("no caller to transfer",), "transfer"),
        (("overflow plan exhausted", "overflow: paused"), "overflow"),
        (("announcement", "overflow: every slot is taken"), "overflow"),
        (("could not join: HTTP 401",), "join"),
        (("gone before we joined",), "join"),
        (("the platform never answered",), "join"),
        (("rejoin window 10s", "closed with 1006"), "line"),
        (("rejoin refused: HTTP 404", "closed with 1006"), "line"),
        (("error in Callwarden: ZeroDivisionError",), "bug"),
        (("another node has the call", "SIGTERM"), "elsewhere"),
        (("never joined in 31s", "its daemon is gone (epoch abc)"), "recovery"),
        (("longest call has passed", "operator uid 0"), "operator"),
        (("longest call has passed", "unknown"), "longest_call"),
        (("platform error server_error", "words"), "platform"),
        (("20 unreadable events in a row", "why"), "platform"),
        ((), "other"),
        (("anything else",), "other"),
    ],
)
def test_labels(reasons: tuple[str, ...], label: str) -> None:
    assert label_of(reasons) == label
    assert label in LABELS
