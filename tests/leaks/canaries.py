"""What is planted, and how it is looked for: as it stands, and in the forms that code makes of it on the way."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

API_KEY = "xai-canary/key+0123456789"
SIGNING = "whsec_" + base64.b64encode(b"account's/canary+of-the-signing").decode()
OF_NUMBER = "whsec_" + base64.b64encode(b"number's/canary+of-the-signing!").decode()
DELIVERIES = "whsec_" + base64.b64encode(b"deliveries/canary+of-their-signing").decode()
TOOL = "tool/0f+canary's\\header"
LOOKUP = "lookup/0f+canary's-header"
PROVIDER = "mcp-server/0f+canary"
OPERATOR = "operator-canary-0123456789-abcdef"
DATABASE = "database/0f canary's password"
STRANGER = "stranger-canary-0123456789"

SECRETS = {
    "API key": API_KEY,
    "webhook secret": SIGNING,
    "webhook secret of the number": OF_NUMBER,
    "secret of the deliveries": DELIVERIES,
    "token of a tool": TOOL,
    "token of the lookup": LOOKUP,
    "token of an MCP server": PROVIDER,
    "operator's token": OPERATOR,
    "password of the database": DATABASE,
    "token that a stranger tried": STRANGER,
}

CARD = "4929123456781234"
CALLER = "+14155557261"
"""Whose whole number may not be in a log, a metric or a trace."""

SAID = "zanzibarquince"
"""A word of the caller's."""
ANSWERED = "honeysuckletrombone"
"""A word of the agent's."""
TOLD = "vermilionaardvark"
"""A word that only the lookup's server knew, and the agent's instructions hold."""
GIVEN = "obsidianmarmalade"
"""A word that a tool was given, and which its exception repeats."""
WHY = "cinnamonxylophone"
"""A word in the reason for which the model hangs up."""
WORDS = (SAID, ANSWERED, TOLD, GIVEN, WHY)


@dataclass
class Channel:
    """Something that a daemon gives out."""

    name: str
    found: list[bytes] = field(default_factory=list)

    def add(self, text: str | bytes) -> None:
        """Take some of it."""
        self.found.append(text.encode(errors="surrogateescape") if isinstance(text, str) else text)

    def add_files(self, *paths: Path) -> None:
        """Take whole files."""
        self.found += [path.read_bytes() for path in paths]

    @property
    def content(self) -> bytes:
        """All of it."""
        return b"\n".join(self.found)

    def secrets(self) -> list[str]:
        """The secrets in it."""
        return [what for what, secret in SECRETS.items() if any(form in self.content for form in forms(secret))]

    def words(self) -> list[str]:
        """The words of people in it."""
        return [word for word in WORDS if word.encode() in self.content.lower()]

    @property
    def has_card(self) -> bool:
        """Whether the card's digits are in it, in one of the ways in which people write them."""
        groups = [CARD[start : start + 4] for start in range(0, len(CARD), 4)]
        ways = {glue.join(groups) for glue in ("", " ", "-")} | {" ".join(CARD), CARD[:12], CARD[4:]}
        return any(way.encode() in self.content for way in ways)

    @property
    def has_caller(self) -> bool:
        """Whether the caller's whole number is in it."""
        return CALLER[1:].encode() in self.content


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it stands, in JSON, in a URL, as a header, as a key, in Python's own writing, and half of it."""
    yield secret.encode()
    written = json.dumps(secret)[1:-1]
    yield written.encode()
    yield written.replace("/", "\\/").encode()
    yield quote(secret, safe="").encode()
    yield quote(secret).encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")
    yield repr(secret)[1:-1].encode()
    yield secret[:18].encode() if secret.startswith("whsec_") else secret[: max(12, len(secret) // 2)].encode()
    if secret.startswith("whsec_"):
        yield base64.b64decode(secret.removeprefix("whsec_"))
        yield secret.removeprefix("whsec_").encode()
