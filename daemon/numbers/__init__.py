"""Setting up numbers: what takes several requests, and must survive being killed between any two of them.

    files.py         the state directory: private files that are whole or not there, one command at a time
    record.py        what is known of a number, and what is under way with it: the journal
    secretstore.py   where signing secrets go, and how the configuration then names them
    registration.py  register, rotate and delete at the platform, step by step
    routing.py       the same for a carrier: look, compare, change one thing, look again
    credentials.py   the carrier's credentials, from the environment, files or systemd
    doctor.py        whether it all fits together

Owned by the commands `numbers` and `carrier`; the daemon itself has no part in it. May import platforms, carriers,
config, core and errors. Must never print, and must never put a secret anywhere but where it was told to.
"""
