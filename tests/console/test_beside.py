"""Whose a request is, by its path."""

from typing import Any, cast

import pytest

from daemon.console.beside import Beside


@pytest.mark.parametrize(
    ("path", "whose"),
    [
        ("/v1/status", "api"),
        ("/v1/events", "api"),
        ("/metrics", "api"),
        ("/openapi.json", "api"),
        ("/", "console"),
        ("/v1", "api"),
        ("/v10", "console"),
        ("/calls/v1", "console"),
        ("/login", "console"),
    ],
)
async def test_paths(path: str, whose: str) -> None:
    asked = []

    def named(name: str) -> Any:
        async def app(_scope: object, _receive: object, _send: object) -> None:
            asked.append(name)

        return app

    beside = Beside(named("api"), named("console"))
    await beside(cast("Any", {"type": "http", "path": path}), cast("Any", None), cast("Any", None))
    assert asked == [whose]
