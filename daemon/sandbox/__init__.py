"""The sandbox: a stand-in for the platform that speaks its wire, with scripted callers and a scripted model.

The daemon can't tell it from the platform: real WebSocket and REST over Hypercorn, really signed webhooks, events
in the documented order with the live quirks. It is used by the demo and the tests. It shares no class with the
code it stands opposite to: frames are plain JSON here, so that a mistake in `core` can't hide in both.

    script.py       what caller and model will do
    cues.py         which of them comes when
    session.py      one call's socket, as the platform plays it
    speech.py       the events of one response, in order
    switchboard.py  every call and number the stand-in knows, and its REST answers
    server.py       the wire: Quart-Trio on our own guarded server
    companion.py    the model, for somebody who types
    sender.py       signed webhooks
    demo.py         one call against a real daemon process, shown live
    rehearsal/      scripted calls against an operator's own configuration
"""
