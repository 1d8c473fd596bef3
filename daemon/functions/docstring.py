"""Docstrings in Google style: what a function is for, and what each of its arguments is. Plain; imports nothing."""

import inspect
import re
from typing import Final, NamedTuple

_SECTION: Final = re.compile(
    r"(Args|Arguments|Attributes|Examples?|Keyword Args|Notes?|Other Parameters|Parameters|Raises|References|Returns?"
    r"|See Also|Todo|Warnings?|Warns|Yields?):\s*"
)
_ARGUMENTS: Final = ("Args", "Arguments", "Parameters", "Keyword Args", "Other Parameters")
_ENTRY: Final = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")


class Described(NamedTuple):
    """What a docstring says."""

    text: str
    """All before the first section, a paragraph a line."""
    arguments: dict[str, str]
    """What each argument is, by name."""


def read(docstring: str) -> Described:
    """Part a docstring. One that is in no known style is text as a whole."""
    sections: dict[str, list[str]] = {"": []}
    lines = sections[""]
    for line in inspect.cleandoc(docstring).splitlines():
        title = _SECTION.fullmatch(line)
        if title is not None:
            lines = sections.setdefault(title[1], [])
        else:
            lines.append(line)
    arguments: dict[str, str] = {}
    for name in _ARGUMENTS:
        arguments |= _arguments(sections.get(name, []))
    return Described(_joined(sections[""]), arguments)


def _arguments(lines: list[str]) -> dict[str, str]:
    written = [line for line in lines if line.strip()]
    depth = min((_indent(line) for line in written), default=0)
    found: dict[str, list[str]] = {}
    words: list[str] = []
    for line in written:
        entry = _ENTRY.fullmatch(line.strip()) if _indent(line) == depth else None
        if entry is not None:
            words = found.setdefault(entry[1], [])
            words.append(entry[2])
        else:
            words.append(line.strip())
    return {name: " ".join(filter(None, words)) for name, words in found.items()}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: list[str]) -> str:
    """Lines that were broken for the eye, made whole again."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip())
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
