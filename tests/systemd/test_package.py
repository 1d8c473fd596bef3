"""The package's life: installed, upgraded under live calls, removed, purged. On a machine of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.nodes import present
from tests.systemd import trees
from tests.systemd.machine import Machine, booted
from tests.systemd.scene import scene

pytestmark = pytest.mark.systemd


@pytest.fixture(params=trees.PYTHONS)
def fresh(request: pytest.FixtureRequest, packages: Path, tmp_path: Path) -> Iterator[tuple[Machine, Path]]:
    """A machine with the package installed, and the next revision of it."""
    suite = request.param
    if why := trees.why_not(suite):
        pytest.skip(f"skipped: {suite}: {why}")
    first, second = (trees.package(suite, packages / suite, revision) for revision in (1, 2))
    with booted(trees.tree(suite), tmp_path / "machine") as machine:
        machine.install(first)
        yield machine, second


async def test_upgrade_and_removal_keep_what_is_the_operators(fresh: tuple[Machine, Path]) -> None:
    machine, second = fresh
    async with scene(machine) as world:
        world.configure('recovery handover = "rejoin"')
        mine = await machine.must("cat /etc/callwarden/config.toml")
        await machine.must("systemctl enable --now callwarden.socket callwarden.service")
        calls = await world.ring(3)
        pid = await machine.show("callwarden", "MainPID")

        await machine.upgrade(second)
        assert "still answering calls" in machine.installing
        assert await machine.must("dpkg-query -W -f='${Version}' callwarden") == "0.1.0-2+py" + (
            "311" if machine.run("test -e /usr/bin/python3.11 && echo yes", check=False) else "313"
        )
        assert await machine.show("callwarden", "MainPID") == pid
        assert all(present(call) for call in calls)
        assert await machine.must("cat /etc/callwarden/config.toml") == mine
        calls += await world.ring(1)  # the old one, on the new one's files
        await machine.must("systemctl restart callwarden")
        assert await machine.show("callwarden", "MainPID") != pid
        assert {call.over.is_set() for call in calls} == {False}

        for call in calls:
            call.end("caller")
        await machine.must("dpkg --remove callwarden", timeout=120)
        assert await machine.show("callwarden.socket", "LoadState") == "not-found"
        assert await machine.must("cat /etc/callwarden/config.toml") == mine
        assert len(world.ledger()) == 4
        assert await machine.must("ls /opt/callwarden 2> /dev/null || true") == ""
        assert await machine.must("ls /usr/lib/systemd/system | grep callwarden || true") == ""

        await machine.must("dpkg --purge callwarden")
        left = (
            "ls -d /etc/callwarden /var/lib/callwarden /var/lib/private/callwarden /run/callwarden 2> /dev/null || true"
        )
        assert await machine.must(left) == ""


def test_the_same_sources_give_the_same_package(packages: Path, tmp_path: Path) -> None:
    suite = next((suite for suite in trees.PYTHONS if not trees.why_not(suite)), None)
    if suite is None:
        pytest.skip(f"skipped: {trees.why_not('bookworm')}")
    again = trees.package(suite, tmp_path, 3)
    assert trees.package(suite, packages / suite, 3).read_bytes() == again.read_bytes()
