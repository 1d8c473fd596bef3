"""Python functions as tools: found by import path or file, and described to the model by their own signature.

What a tool's author needs is here: `ToolCall`, to be told of the call, and `ToolFailed`, to tell the model why
something did not work. Knows nothing of configuration files; runs no function, that is `daemon/tools/python.py`.
"""

from daemon.errors import ToolFailed
from daemon.functions.call import ToolCall

__all__ = ["ToolCall", "ToolFailed"]
