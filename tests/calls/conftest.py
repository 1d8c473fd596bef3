from collections.abc import AsyncIterator

import pytest
import trio

from tests.calls.world import World
from tests.configured import configuration


@pytest.fixture
async def world(nursery: trio.Nursery) -> AsyncIterator[World]:
    """A running supervisor with three slots; the test itself must ask for `autojump_clock`."""
    world = World(configuration(max_calls=3), nursery)
    await world.start()
    yield world
    world.stop()
