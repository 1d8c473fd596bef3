"""An incoming call is what a call needs, and holds no header's raw text."""

from daemon.core.incoming import IncomingCall


def test_what_is_known_of_a_caller() -> None:
    assert IncomingCall.__struct_fields__ == (
        "call_id",
        "webhook_id",
        "called",
        "caller",
        "created_at",
        "sent_at",
        "received_at",
    )
