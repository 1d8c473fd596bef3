"""Templates to HTML. Everything that is put into one is escaped, and there is nothing in them that a browser would run.

Loaded once, at the start. Owned by the console; imports Jinja2, Quart's response and this room's words.
"""

from pathlib import Path
from typing import get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from quart import Response
from quart_trio.wrappers import TrioResponse

from daemon import __version__
from daemon.console import words
from daemon.core import journal

_HERE = Path(__file__).parent
HTML = "text/html; charset=utf-8"
_KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


class Pages:
    """The templates, and what is served as it is."""

    def __init__(self) -> None:
        self._env = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        for name in ("harmless", "short", "span", "brief", "moment", "clock", "outcome", "kind"):
            self._env.filters[name] = getattr(words, name)
        self._env.globals["version"] = __version__
        self._env.globals["kinds"] = " ".join(sorted(kind.__name__ for kind in get_args(journal.Entry)))
        self.files = {
            path.name: (path.read_bytes(), _KINDS[path.suffix]) for path in sorted((_HERE / "static").iterdir())
        }
        """What is served as it is: bytes and type, by name."""
        for name in self._env.list_templates():
            self._env.get_template(name)

    def text(self, name: str, /, **values: object) -> str:
        """A template filled in."""
        return self._env.get_template(f"{name}.html").render(values)


def html(text: str, status: int = 200) -> Response:
    """A page as an answer."""
    return TrioResponse(text, status=status, content_type=HTML)
