"""The documentation, held against what it speaks of."""

import re
import tomllib
from pathlib import Path

import click
import pytest

import daemon
from daemon.cli.main import main
from daemon.config.parameters import parameters
from tests.config.written import ENV, NUMBER, PLATFORM, loaded

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("examples/*/*.md"),
        *ROOT.glob("decisions/*.md"),
    ]
    if path.is_file()
)

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@by_page
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    for target in targets:
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{target} does not exist"


@by_page
def test_commands_exist(page: Path) -> None:
    for command in re.findall(r"`(?:\.venv/bin/)?callwarden ([a-z]+)", page.read_text()):
        assert command in main.list_commands(click.Context(main)), f"there is no `callwarden {command}`"


@by_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE):
        assert target in targets, f"there is no `make {target}`"


@by_page
def test_modules_and_folders_exist(page: Path) -> None:
    for name in re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", page.read_text()):
        assert any((base / name).exists() for base in (ROOT, ROOT / "daemon")), f"{name} does not exist"


def test_every_decision_is_listed() -> None:
    index = (ROOT / "decisions" / "README.md").read_text()
    for path in (ROOT / "decisions").glob("0*.md"):
        assert path.name in index


def test_the_version_has_its_changes() -> None:
    assert daemon.__version__ in (ROOT / "CHANGELOG.md").read_text()
    assert f'version = "{daemon.__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_no_page_names_a_path_of_somebodys_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w/.])/(?:home|root|work|tmp)/", page.read_text()), page


def test_the_examples_of_tools_are_right(tmp_path: Path) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs" / "tools.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "shop-token").write_text("abc")
    env = {**ENV, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    first = loaded(tmp_path, PLATFORM + NUMBER + blocks[0], env=env)
    assert list(first.tools) == ["look_up_order", "book_slot"]
    schema = tomllib.loads(blocks[1])["tools"]["book_slot"]["parameters"]
    assert parameters(schema) == schema
