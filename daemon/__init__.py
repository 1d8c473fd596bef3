"""Callwarden answers phone calls with a realtime voice agent, and can prove how each call ended.

The rooms, top to bottom; each imports only from those below it (tests/test_architecture.py holds this):
cli, sandbox, app, operate, web, calls, platforms, ledger, config, observe, core, errors.
"""

__version__ = "0.1.0"
