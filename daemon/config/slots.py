"""Slots: `{name}` in a tool's URL or body, where an argument of the model's goes.

Imports the standard library only. Knows where slots stand, never what is put into them; that is `daemon/tools`.
"""

import re
from collections.abc import Iterator
from typing import Final

SLOT: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")


def slots(template: object) -> Iterator[str]:
    """Give the names in a template, or in every text within a table of templates, as often as they stand there."""
    match template:
        case str():
            yield from SLOT.findall(template)
        case dict():
            for inner in template.values():
                yield from slots(inner)
        case list():
            for inner in template:
                yield from slots(inner)


def split_url(url: str) -> tuple[str, str, str]:
    """Part a URL template into scheme and authority, path, and query without its question mark."""
    start = url.find("://") + 3
    end = next((place for place in range(start, len(url)) if url[place] in "/?#"), len(url))
    path, _, query = url[end:].partition("?")
    return url[:end], path, query
