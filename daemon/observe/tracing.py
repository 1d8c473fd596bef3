"""Tracing: whether there is any, and what the rest of the daemon knows of it.

OpenTelemetry is an extra: without `[tracing] endpoint`, nothing of it is imported. Spans are made of the feed in
`spans.py` and sent by the library's own thread. Imports errors and this room; never lets a trace cost a call anything
but a few plain functions.
"""

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from daemon.errors import StartError
from daemon.observe.feed import Watcher

Traceparent = Callable[[str], str | None]
"""From a call's id to the W3C `traceparent` of what happens in it now; None if it is not traced."""

# Seconds at the end to send what waits.
LAST_WORDS = 5.0


def untraced(_call_id: str) -> str | None:
    """There is no trace of any call."""
    return None


@asynccontextmanager
async def open_tracing(
    endpoint: str, ratio: float, node: str, watch: Callable[[Watcher], None]
) -> AsyncIterator[Traceparent]:
    """Trace calls while the block lasts; `watch` is given the watcher, to be fed. Does nothing without an endpoint.

    Errors: `StartError` if tracing is configured and the extra is not installed.
    """
    if not endpoint:
        yield untraced
        return
    try:
        spans = importlib.import_module("daemon.observe.spans")
    except ImportError as error:
        fix = "pip install 'callwarden[otel]', or set it to \"\""
        raise StartError(f"[tracing] endpoint: OpenTelemetry is not installed ({error.name}); {fix}") from error
    provider = spans.open_provider(endpoint, ratio, node)
    traces = spans.CallTraces(provider)
    watch(traces.watch)
    try:
        yield traces.traceparent
    finally:
        traces.close()
        with trio.move_on_after(LAST_WORDS, shield=True):
            await trio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)
