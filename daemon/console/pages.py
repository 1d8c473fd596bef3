"""Templates to HTML. Everything that is put into one is escaped, and there is nothing in them that a browser would run.

Compiled by a thread when the first page is wanted, so that no start of the daemon waits for what may never be looked
at. Owned by the console; imports Jinja2, Trio, Quart's response and this room's words.
"""

from pathlib import Path
from typing import get_args

import trio
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from quart import Response
from quart_trio.wrappers import TrioResponse

from daemon import __version__
from daemon.console import words
from daemon.core import journal

_HERE = Path(__file__).parent
HTML = "text/html; charset=utf-8"
_KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_FILTERS = ("harmless", "short", "span", "brief", "moment", "clock", "outcome")

File = tuple[bytes, str]
"""Content and type."""


class Pages:
    """The templates, and what is served as it is."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        """What is served as it is, by name."""
        self._env: Environment | None = None
        self._loading = trio.Lock()

    async def load(self) -> None:
        """Make everything ready, once. Cancelling is safe."""
        async with self._loading:
            if self._env is None:
                self.files, self._env = await trio.to_thread.run_sync(_read)

    def text(self, name: str, /, **values: object) -> str:
        """A template filled in."""
        if self._env is None:
            raise AssertionError("a page was wanted before the templates were loaded")
        return self._env.get_template(f"{name}.html").render(values)


def _read() -> tuple[dict[str, File], Environment]:
    """Read and compile all there is, so that nothing is left to be done when a page is made."""
    env = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {name: getattr(words, name) for name in _FILTERS}
    env.globals |= {
        "version": __version__,
        "kinds": " ".join(sorted(kind.__name__ for kind in get_args(journal.Entry))),
    }
    for name in env.list_templates():
        env.get_template(name)
    files = {path.name: (path.read_bytes(), _KINDS[path.suffix]) for path in sorted((_HERE / "static").iterdir())}
    return files, env


def html(text: str, status: int = 200) -> Response:
    """A page as an answer."""
    return TrioResponse(text, status=status, content_type=HTML)
