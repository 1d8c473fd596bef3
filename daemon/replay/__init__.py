"""The replay room: what the present build and configuration would have done in a call that was recorded.

`recordings.py` finds and reads, `play.py` gives a conversation what the recorded one was given, `difference.py` says
what differs. May import calls' roles, lookup's marks, config, core and errors. Must never open a socket: nothing in
here talks to anybody.
"""
