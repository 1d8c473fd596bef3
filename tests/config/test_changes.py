"""What a reload changes, and what only a restart can."""

from pathlib import Path

import msgspec
import pytest

from daemon.config import Agent, Config, Number, Secret
from daemon.config.changes import NEEDS_RESTART, as_far_as_running, changes, restart_keys
from tests.config.written import MINIMAL, loaded
from tests.configured import CALLED, configuration, with_xai

OLD = configuration()


def replaced(path: tuple[str, ...], value: object, record: msgspec.Struct = OLD) -> Config:
    """The old configuration with one other value."""
    name, *rest = path
    inner = replaced(tuple(rest), value, getattr(record, name)) if rest else value
    return msgspec.structs.replace(record, **{name: inner})  # type: ignore[return-value]


def test_nothing() -> None:
    assert changes(OLD, configuration()) == ()
    assert restart_keys(OLD, configuration()) == ()


def test_every_key_is_named_by_its_path() -> None:
    agents = {"support": Agent(instructions="Help well.", greeting="Welcome."), "sales": Agent(instructions="Sell.")}
    new = msgspec.structs.replace(with_xai(OLD, api_key=Secret("another")), agents=agents, numbers={})
    assert changes(OLD, new) == (
        "platform.xai.api_key",
        f'numbers."{CALLED}"',
        "agents.support.instructions",
        "agents.sales",
    )
    assert restart_keys(OLD, new) == ()
    assert as_far_as_running(OLD, new) == new


def test_a_number_of_its_own() -> None:
    assert changes(OLD, replaced(("numbers",), {CALLED: Number(agent="support", max_calls=3)})) == (
        f'numbers."{CALLED}".max_calls',
    )


def test_what_needs_a_restart_stays() -> None:
    new = replaced(("server", "bind"), ("127.0.0.1:1",), replaced(("limits", "max_calls"), 7))
    new = replaced(("ledger", "node"), "elsewhere", new)
    assert changes(OLD, new) == ("server.bind", "limits.max_calls", "ledger.node")
    assert restart_keys(OLD, new) == ("server.bind", "ledger.node")
    held = as_far_as_running(OLD, new)
    assert changes(OLD, held) == ("limits.max_calls",)
    # And it is named again at the next reload, since it still does not hold.
    assert restart_keys(held, new) == ("server.bind", "ledger.node")


@pytest.mark.parametrize("path", NEEDS_RESTART, ids=".".join)
def test_every_key_in_the_list_is_one(path: tuple[str, ...]) -> None:
    value: object = OLD
    for name in path:
        value = getattr(value, name)
    assert as_far_as_running(OLD, OLD) == OLD


def test_secrets_are_compared_and_never_shown(tmp_path: Path) -> None:
    old = loaded(tmp_path, MINIMAL)
    new = loaded(tmp_path, MINIMAL, env={"XAI_API_KEY": "xai-quite-another", "HOOK": "whsec_" + "c2VjcmV0" * 5})
    assert changes(old, new) == ("platform.xai.api_key", "platform.xai.webhook_secrets")
