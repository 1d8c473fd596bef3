"""The configuration room: `config.toml` in, frozen records out.

Its rules: an unknown key is an error; every problem is found in one go and says where it is; secrets are
referred to in the file and never written in it; what is loaded never changes. `records.py`, `agents.py`, `ledger.py`
and `tools.py` say what there is, `kinds.py` how values are written, `load.py` how it all comes together.

May import errors, core, observe, the standard library, msgspec and phonenumbers. Must never import a room above
it, open a socket, or put the text of a secret into a message.
"""

from daemon.config.agents import Agent, Keypad, TurnDetection
from daemon.config.costs import Costs
from daemon.config.destinations import Destination
from daemon.config.ledger import Delivery, Ledger
from daemon.config.load import load
from daemon.config.operator import DEFAULT_SOCKET, Operator, Tracing
from daemon.config.records import (
    Config,
    Drain,
    Limits,
    Log,
    Number,
    Platforms,
    Recording,
    Recovery,
    Server,
    XaiPlatform,
)
from daemon.config.secrets import Secret, every_secret, put_into
from daemon.config.tools import HttpTool, PythonTool, Tool, properties
from daemon.config.units import parse_duration, parse_size

__all__ = [
    "DEFAULT_SOCKET",
    "Agent",
    "Config",
    "Costs",
    "Delivery",
    "Destination",
    "Drain",
    "HttpTool",
    "Keypad",
    "Ledger",
    "Limits",
    "Log",
    "Number",
    "Operator",
    "Platforms",
    "PythonTool",
    "Recording",
    "Recovery",
    "Secret",
    "Server",
    "Tool",
    "Tracing",
    "TurnDetection",
    "XaiPlatform",
    "every_secret",
    "load",
    "parse_duration",
    "parse_size",
    "properties",
    "put_into",
]
