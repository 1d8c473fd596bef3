"""Rehearsals written down in a test: a file, a configuration, and what became of it."""

from pathlib import Path

import msgspec
import pytest

from daemon.config import Agent, Config, Destination, HttpTool, Limits
from daemon.config.parameters import parameters
from daemon.errors import ConfigError
from daemon.sandbox.rehearsal.judging import judge
from daemon.sandbox.rehearsal.playing import Performance, rehearse
from daemon.sandbox.rehearsal.reading import read
from tests.configured import configuration

AGENT = Agent(instructions="Help.", greeting="Welcome.", tools=("hang_up", "look_up"))
LOOK_UP = HttpTool(
    description="Looks up an order.",
    url="https://shop.example.com/orders/{order}",
    parameters=parameters({"order": "string"}),
    timeout=5.0,
)
CONFIG = msgspec.structs.replace(
    configuration(agent=AGENT),
    tools={"look_up": LOOK_UP},
    destinations={"desk": Destination(uri="tel:+18005550123"), "home": Destination(uri="sip:me@home.test")},
    limits=Limits(unrouted=("refer:desk", "refer:home", "refuse")),
)


def performed(folder: Path, text: str, config: Config = CONFIG) -> Performance:
    """Play the first call of a file."""
    (folder / "file.toml").write_text(text)
    return rehearse(read(folder / "file.toml", config)[0], config)


def failures(folder: Path, text: str, config: Config = CONFIG) -> list[str]:
    """What is not as the first call of a file expects it to be."""
    return judge(performed(folder, text, config))


def problems(folder: Path, text: str, config: Config = CONFIG) -> list[str]:
    """What is wrong with a file, without its name."""
    (folder / "file.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read(folder / "file.toml", config)
    return [str(problem).removeprefix(f"{folder}/file.toml: ") for problem in caught.value.problems]
