"""An operator's server that knows callers, for a virtual clock: requests and answers are httpx's, without a network."""

import json

import httpx
import trio

from daemon.lookup.fetching import Fetch, HttpFetch


class Crm(httpx.AsyncBaseTransport):
    """Answers every request alike, after a while."""

    def __init__(self, answer: object = None, *, status: int = 200, after: float = 0.0) -> None:
        self.body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.status, self.after = status, after
        self.requests: list[httpx.Request] = []
        self.dropped = 0
        """Requests that were given up before they were answered."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        try:
            await trio.sleep(self.after)
        except trio.Cancelled:
            self.dropped += 1
            raise
        return httpx.Response(self.status, stream=httpx.ByteStream(self.body))

    @property
    def fetch(self) -> Fetch:
        """With what a daemon asks it."""
        return HttpFetch(httpx.AsyncClient(transport=self))
