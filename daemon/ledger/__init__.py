"""The ledger: who has claimed which call, what is owed, and how each call ended; durable, and shared by many machines.

`base.Ledger` is what calls may ask of it; `durable.py` keeps its promises on SQLite and PostgreSQL, `open.py` opens
that and keeps it, and `memory.py` is one that lasts as long as the process. Imports core, config, observe and errors;
never a platform.
"""
