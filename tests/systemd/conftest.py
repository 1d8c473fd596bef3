"""One machine for each suite, booted once, with the package installed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd import trees
from tests.systemd.machine import Machine, booted


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where packages are built."""
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="session", params=trees.PYTHONS)
def machine(
    request: pytest.FixtureRequest, packages: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """A machine with the package installed and nothing started."""
    suite = request.param
    if why := trees.why_not(suite):
        pytest.skip(f"skipped: {suite}: {why}")
    try:
        tree = trees.tree(suite)
    except RuntimeError as error:
        pytest.skip(f"skipped: {suite}: no tree can be built: {error}")
    deb = trees.package(suite, packages / suite)
    with booted(tree, tmp_path_factory.mktemp(suite)) as booted_machine:
        version = int(re.findall(r"\d+", booted_machine.run("systemctl --version"))[0])
        assert version == {"bookworm": 252, "trixie": 257}[suite]
        booted_machine.suite, booted_machine.systemd = suite, version
        booted_machine.install(deb)
        yield booted_machine
