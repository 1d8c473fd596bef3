"""Call control over REST: hang up and refer.

Owns no connection: the `httpx.AsyncClient` is opened once by `open_platform` and shared. Every httpx error is
mapped here. Never raises an httpx error, never logs a URL (it holds the call's id) or a body.
"""

import re
from urllib.parse import quote

import httpx

from daemon.errors import CallNotFound, PlatformUnavailable
from daemon.platforms.base import HangUpOutcome, ReferOutcome, ReferResult
from daemon.platforms.xai.refusals import read_error, refusal

# Documented for refer (SIP guide, FAQ): the answer comes when the transfer is settled.
_REFER_RESULTS = {
    400: ReferResult.BAD_TARGET,
    404: ReferResult.NO_CALL,
    409: ReferResult.NO_CALL,
    410: ReferResult.NO_CALL,
    502: ReferResult.REJECTED,
    504: ReferResult.TIMED_OUT,
}
_SIP_STATUS = re.compile(r"\bSIP ([1-6][0-9]{2})\b")


class CallControl:
    """The two requests that act on a call's caller."""

    def __init__(self, client: httpx.AsyncClient, *, hang_up_timeout: float, refer_timeout: float) -> None:
        self._client = client
        self._hang_up_timeout = hang_up_timeout
        self._refer_timeout = refer_timeout

    async def hang_up(self, call_id: str) -> HangUpOutcome:
        """End the caller's leg; see `platforms.base.Platform.hang_up`."""
        try:
            response = await self._client.post(_path(call_id, "hangup"), timeout=self._hang_up_timeout)
        except httpx.HTTPError as error:
            raise PlatformUnavailable(_describe(error)) from error
        if response.is_success:
            return HangUpOutcome.HUNG_UP
        refused = refusal(response.status_code, response.headers, response.content)
        if isinstance(refused, CallNotFound):
            return HangUpOutcome.ALREADY_OVER
        raise refused

    async def refer(self, call_id: str, target_uri: str) -> ReferOutcome:
        """Transfer the caller; see `platforms.base.Platform.refer`."""
        # Connecting is quick or hopeless; it is the answer that takes as long as a telephone may ring.
        timeout = httpx.Timeout(self._hang_up_timeout, read=self._refer_timeout)
        body = {"target_uri": target_uri}
        try:
            response = await self._client.post(_path(call_id, "refer"), json=body, timeout=timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return ReferOutcome(ReferResult.FAILED, detail=_describe(error))
        except httpx.HTTPError as error:
            return ReferOutcome(ReferResult.UNKNOWN, detail=_describe(error))
        said = read_error(response.content).error
        status = _SIP_STATUS.search(said)
        answered = ReferResult.ANSWERED if response.is_success else ReferResult.FAILED
        result = _REFER_RESULTS.get(response.status_code, answered)
        return ReferOutcome(result, sip_status=int(status[1]) if status else None, detail=said)


def _path(call_id: str, verb: str) -> str:
    return f"/v1/realtime/calls/{quote(call_id, safe='')}/{verb}"


def _describe(error: httpx.HTTPError) -> str:
    """The error in words; httpx leaves many of its messages empty and the reason (a bad certificate) further down."""
    cause: BaseException | None = error
    while isinstance(cause, Exception) and not str(cause):
        cause = cause.__cause__ or cause.__context__
    return str(cause) if isinstance(cause, Exception) else type(error).__name__
