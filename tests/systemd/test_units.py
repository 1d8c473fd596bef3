"""The unit files by their text: what must agree with each other, and with the daemon. Needs no systemd."""

from pathlib import Path

import msgspec

from daemon.config import Drain
from daemon.config.records import XaiPlatform
from daemon.ledger import migrate

UNITS = Path(__file__).parents[2] / "systemd"


def lines(name: str) -> list[str]:
    """What a unit says, without comments."""
    return [line for line in (UNITS / name).read_text().splitlines() if line and not line.startswith("#")]


def shared(name: str) -> list[str]:
    """The same, without what closes the door: an instance must not, as others answer there."""
    text = "\n".join(lines(name)).replace("\\\n", "")
    return [line.rstrip() for line in text.splitlines() if not line.startswith("ExecStopPost=")]


def value(name: str, key: str) -> str:
    """The one value of a key."""
    (found,) = [line.partition("=")[2] for line in lines(name) if line.startswith(f"{key}=")]
    return found


def test_an_instance_differs_in_names_only() -> None:
    renamed = {
        "(%i)": "",
        "callwarden-control@%i.socket": "callwarden-control.socket",
        "callwarden@%i.service": "callwarden.service",
        "RuntimeDirectory=callwarden/%i": "RuntimeDirectory=callwarden/service",
        " --socket /run/callwarden/%i.sock": "",
        "/run/callwarden/%i.sock": "/run/callwarden/control.sock",
    }
    for one, many in (
        ("callwarden.service", "callwarden@.service"),
        ("callwarden-control.socket", "callwarden-control@.socket"),
    ):
        text = "\n".join(shared(many))
        for name, other in renamed.items():
            text = text.replace(name, other)
        assert [line.rstrip() for line in text.splitlines()] == shared(one)


def test_no_start_makes_a_shared_socket_block() -> None:
    """An instance that served was deaf from the start of another one to the next caller, or until its watchdog bit."""
    assert [value(name, "NonBlocking") for name in ("callwarden.service", "callwarden@.service")] == ["yes", "yes"]


def test_starting_may_take_as_long_as_we_let_it() -> None:
    (join_budget,) = [field.default for field in msgspec.structs.fields(XaiPlatform) if field.name == "join_budget"]
    longest = migrate.PATIENCE + join_budget
    assert float(value("callwarden.service", "TimeoutStartSec")) > longest + 30


def test_a_drain_may_take_as_long_as_it_may_whatever_systemd_forgets() -> None:
    drain = Drain()
    longest = drain.deadline + drain.lame_duck + drain.settle_timeout
    assert 60 * float(value("callwarden.service", "TimeoutStopSec").removesuffix("min")) > longest + 60


def test_the_control_socket_is_there_only_while_the_service_lives() -> None:
    # Or `callwarden status` would start a daemon that was drained, or can't start.
    assert value("callwarden-control.socket", "BindsTo") == "callwarden.service"
    # It is stopped as soon as the daemon says that it is stopping, which may take an hour of being asked how it goes.
    assert value("callwarden-control.socket", "RemoveOnStop") == "no"


def test_the_door_stays_open_but_for_a_configuration_that_cannot_be_used() -> None:
    text = (UNITS / "callwarden.service").read_text()
    assert value("callwarden.service", "RestartPreventExitStatus") == "75 78"
    assert '"$$EXIT_STATUS" != 78' in text
    assert not [line for line in lines("callwarden@.service") if line.startswith("ExecStopPost=")]
    assert value("callwarden.service", "StartLimitIntervalSec") == "0"
    assert value("callwarden.socket", "TriggerLimitIntervalSec") == "0"
