"""An incoming call is what a call needs; of headers it holds only what was asked for by name, made harmless."""

from daemon.core.incoming import IncomingCall
from daemon.core.sip import Header


def test_what_is_known_of_a_caller() -> None:
    assert IncomingCall.__struct_fields__ == (
        "call_id",
        "webhook_id",
        "called",
        "caller",
        "created_at",
        "sent_at",
        "headers",
        "received_at",
    )


def test_a_header_is_what_sip_made_of_it() -> None:
    assert Header.__struct_fields__ == ("name", "text", "number")
