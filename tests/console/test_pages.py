"""Templates: all of them compile, escape, and hold nothing that a browser would run or fetch from elsewhere."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import daemon.console
from daemon.console.pages import Pages

FOLDER = Path(daemon.console.__file__).parent


async def test_loaded_once() -> None:
    pages = Pages()
    with pytest.raises(AssertionError):
        pages.text("sorry")
    await pages.load()
    files = pages.files
    await pages.load()
    assert pages.files is files
    assert set(files) == {"console.css", "console.js", "icon.svg"}
    text = pages.text("sorry", title="<b>", visitor=None, what='"<i>', why="\u202e<u>")
    assert "&lt;b&gt;" in text
    assert "&#34;&lt;i&gt;" in text
    assert "\ufffd&lt;u&gt;" in text
    with pytest.raises(UndefinedError):
        pages.text("sorry", title="what is missing is a bug, and not an empty place")


@pytest.mark.parametrize("path", sorted((FOLDER / "templates").iterdir()), ids=lambda path: path.name)
def test_templates_have_nothing_inline_and_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?! src=\"/static/)|<style|\sstyle=|\son[a-z]+=|javascript:|https?://", text)
    # Only what other templates have made is put in as it is.
    assert set(re.findall(r"{{ ([a-z]+)\|safe }}", text)) <= {"table", "text"}


def test_the_script_and_the_style_fetch_nothing_from_elsewhere() -> None:
    script, style = ((FOLDER / "static" / f"console.{kind}").read_text() for kind in ("js", "css"))
    assert not re.search(r"https?://|innerHTML|eval\(|document\.write|Function\(|insertAdjacent", script)
    assert not re.search(r"url\(|@import|https?://", style)
