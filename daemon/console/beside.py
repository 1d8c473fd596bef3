"""The API and the console as one application for the operator's server: the path says whose a request is.

Imports Hypercorn's types only. Never looks at anything of a request but its path.
"""

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

_API = ("/v1/", "/metrics", "/openapi.json")
_ITSELF = "/v1"


class Beside:
    """Two applications side by side."""

    def __init__(self, api: ASGIFramework, console: ASGIFramework) -> None:
        self._api = api
        self._console = console

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Pass a request on."""
        path = scope["path"] if scope["type"] == "http" else "/"
        of_api = path == _ITSELF or path.startswith(_API)
        await (self._api if of_api else self._console)(scope, receive, send)
