"""The documentation, held against what it speaks of."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

import daemon
from daemon.cli.main import main
from daemon.config.numbering import MEANINGS
from daemon.config.parameters import parameters
from daemon.core.collection import COLLECT
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


PLACEHOLDERS = {"NUMBER": "+18005550199", "+1…": "+18005550199", "FILES": "."}


@by_page
def test_commands_are_understood_as_they_are_written(page: Path) -> None:
    for span in re.findall(r"`(?:\.venv/bin/)?callwarden ([a-z][^`\n]*)`", page.read_text()):
        words = [PLACEHOLDERS.get(word, word) for word in shlex.split(re.split(r"[<|]", span)[0])]
        context = click.Context(main)
        command: click.Command = main
        while isinstance(command, click.Group) and words:
            _, found, words = command.resolve_command(context, words)
            assert found is not None
            command = found
        try:
            command.make_context("callwarden", words)
        except click.MissingParameter:
            assert not words, span  # only named
        except click.exceptions.NoArgsIsHelpError:
            pass


@by_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE):
        assert target in targets, f"there is no `make {target}`"


@by_page
def test_modules_and_folders_exist(page: Path) -> None:
    # What is in build/ is what make makes.
    for name in re.findall(r"`((?!build/)(?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", page.read_text()):
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


def test_the_examples_of_keys_and_transfers_are_right(tmp_path: Path) -> None:
    pages = ((ROOT / "docs" / name).read_text() for name in ("keypad.md", "transfers.md"))
    menu, till, desk, hotline = (
        block for page in pages for block in re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    )
    agents = [loaded(tmp_path, PLATFORM + NUMBER + block).agents["support"] for block in (menu, till, desk + hotline)]
    assert list(agents[0].keypad.menu) == ["0", "1", "2", "*9"]
    assert agents[1].tools == ("hang_up", "collect_digits", "pay")
    assert agents[2].transfers == ("front_desk", "workshop")


def test_the_page_on_transfers_has_every_kind_of_number() -> None:
    page = (ROOT / "docs" / "transfers.md").read_text()
    assert set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)) == {"allow", *MEANINGS}


def test_the_page_on_keys_has_every_parameter() -> None:
    page = (ROOT / "docs" / "keypad.md").read_text()
    told = {
        name
        for row in re.findall(r"^\| ((?:`[a-z_]+`,? ?)+)\|", page, re.MULTILINE)
        for name in re.findall("[a-z_]+", row)
    }
    assert {*COLLECT.parameters["properties"]} <= told


def test_the_runbook_has_every_alert() -> None:
    rules = set(re.findall(r"^ +- alert: (\w+)", (ROOT / "monitoring" / "alerts.yml").read_text(), re.MULTILINE))
    runbook = re.findall(r"^\| (Callwarden\w+) \|", (ROOT / "docs" / "handbook.md").read_text(), re.MULTILINE)
    assert rules == set(runbook)
    assert len(runbook) == len(rules)


def test_the_table_of_faults_has_every_row_and_every_row_a_test() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    rows = re.findall(r"^\| (F\d\d) \|.*\| (\w+) \|$", page, re.MULTILINE)
    wanted = [f"F{number:02}" for number in range(1, 67)]
    assert [row for row, _ in rows] == wanted
    assert {result for _, result in rows} == {"passed"}
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "faults").glob("test_*.py"))
    assert (
        sorted({name.upper() for name in re.findall(r"^(?:async )?def test_(f\d\d)_", tests, re.MULTILINE)}) == wanted
    )
