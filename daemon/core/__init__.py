"""The sans-IO core: what a call is, without a network, a clock or an event loop.

Five ideas. *Events* (`events/`) are what the platform says happened. *Frames* (`frames.py`) are what we say to
it. *Commands* (`commands.py`) are what the shell around the core must do. The *conversation* (`conversation.py`)
turns one into the other: `receive(event, now) -> list[Command]`, plain and atomic. *Entries* (`journal.py`) are
what is remembered of it all.

May import the standard library, msgspec, phonenumbers and `errors`; never Trio, never a clock, never a socket.
Time is an argument, in seconds of the caller's monotonic clock.
"""
