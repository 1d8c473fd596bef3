"""Two answers for whoever balances or restarts: are we alive, and do we want calls.

The status is the contract, the body is for people. Owned by `ingress.py`. Asks the supervisor's small interface one
plain question; never touches a call, never waits, so a probe costs nothing however busy we are.
"""

import trio
from quart import Quart, Response

from daemon.calls.admission import Reception
from daemon.web.answers import answer


def add_health(app: Quart, reception: Reception) -> None:
    """Route `/livez` and `/readyz`."""

    async def livez() -> Response:
        await trio.lowlevel.checkpoint()
        return answer(200, status="alive")

    async def readyz() -> Response:
        await trio.lowlevel.checkpoint()
        if reception.ready:
            return answer(200, status="ready")
        return answer(503, status="draining")

    app.add_url_rule("/livez", "livez", livez, methods=["GET"])
    app.add_url_rule("/readyz", "readyz", readyz, methods=["GET"])
