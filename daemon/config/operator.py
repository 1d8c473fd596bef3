"""The operator's tables as records: the control socket, and where traces go.

Owned by the configuration room and read by all; imports msgspec and this room's kinds. Must never hold behaviour.
"""

from typing import Annotated

from msgspec import Meta, Struct

from daemon.config.kinds import ControlSocket, LoopbackBind, OperatorToken, TraceUrl

DEFAULT_SOCKET = "/run/callwarden/control.sock"
"""Where the control socket is if nobody says otherwise, and if there is such a folder."""


class Operator(Struct, frozen=True, kw_only=True):
    """`[operator]`: how operators, their tools and Prometheus reach a running daemon."""

    socket: ControlSocket = DEFAULT_SOCKET
    """Unix socket for the command line and the control API: an absolute path or `fd://3`; empty for none."""
    listen: LoopbackBind = ""
    """Loopback address for the same over TCP, for a browser or Prometheus on this machine; empty for none."""
    token: OperatorToken | None = None
    """Bearer token that everybody who comes over TCP must show; None where nobody does."""
    console: bool = True
    """Whether the console's web pages are there too, at `/`."""


class Tracing(Struct, frozen=True, kw_only=True):
    """`[tracing]`: one OpenTelemetry trace per call; needs the extra `callwarden[otel]`."""

    endpoint: TraceUrl = ""
    """Where spans go, by OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`; empty for no tracing."""
    ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """Share of calls that are traced, 0 to 1."""
