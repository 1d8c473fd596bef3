"""Parsing TOML, so that everything that can be wrong with it is one kind of error.

The standard library's parser lets two others out: of Python's own stack, when brackets stand too deep in one another,
and of Python's limit on the digits of a number. Owned by whoever reads a file of the operator's; imports the standard
library. Must never read a file itself.
"""

import tomllib
from typing import Any


def parse(text: str) -> dict[str, Any]:
    """Parse a document. Errors: `tomllib.TOMLDecodeError`, in one line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("arrays or tables stand too deep in one another") from None
    except ValueError:
        raise tomllib.TOMLDecodeError("a number has too many digits") from None
