"""Rules for menus and for what is done in trouble: what may be written, value by value.

That what an action names exists is a rule between keys, and stands in `transfer_agreement.py`. Owned by the
configuration room; imports the standard library and core's menus. Must never run anything.
"""

import re

from daemon.core.menu import EndCall, SayWords, TransferTo, read_action

_LONGEST_WORDS = 1000


def menu_keys(text: str) -> str:
    """Accept keys of a telephone's keypad."""
    if not re.fullmatch(r"[0-9*#]{1,8}", text):
        raise ValueError('expected 1 to 8 keys of 0-9, * and #, such as "0" or "*9"')
    return text


def menu_action(text: str) -> str:
    """Accept what a key does."""
    action = read_action(text)
    if isinstance(action, SayWords) and len(action.words) > _LONGEST_WORDS:
        raise ValueError(f"a text has at most {_LONGEST_WORDS} characters; this one has {len(action.words)}")
    return text


def trouble_action(text: str) -> str:
    """Accept what is done for a caller whom the agent does not answer, or nothing."""
    if text and not _ends_the_talk(text):
        raise ValueError('expected "transfer:DESTINATION", "hang_up", or "" for nothing')
    return text


def ceiling_action(text: str) -> str:
    """Accept what is done for a caller whose call has cost as much as it may."""
    if not _ends_the_talk(text):
        raise ValueError('expected "transfer:DESTINATION" or "hang_up"')
    return text


def _ends_the_talk(text: str) -> bool:
    try:
        return isinstance(read_action(text), TransferTo | EndCall)
    except ValueError:
        return False
