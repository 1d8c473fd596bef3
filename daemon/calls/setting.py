"""What a call has around it.

Made by the app, one for each generation of the configuration: a call keeps the setting it began with, and all settings
share everything but the configuration. Imports config, ledger, lookup, observe, platforms, tools.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.calls.budget import Budget
from daemon.calls.collector import DebtCollector
from daemon.calls.quota import TransferQuota
from daemon.config import Config
from daemon.ledger.base import Ledger
from daemon.lookup.fetching import Fetch
from daemon.observe.clock import WallClock
from daemon.observe.feed import Feed
from daemon.observe.recorder import Recorder
from daemon.observe.tracing import Traceparent, untraced
from daemon.platforms.base import Platform
from daemon.tools.base import Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The surroundings of a call."""

    config: Config
    platform: Platform
    ledger: Ledger
    collector: DebtCollector
    feed: Feed
    wall: WallClock
    tools: Mapping[str, Tool] = field(default_factory=dict)
    """What agents can do besides talking, by name."""
    quota: TransferQuota = field(default_factory=TransferQuota)
    """How many transfers agents may still try."""
    budget: Budget = field(default_factory=Budget)
    """What callers and money allow."""
    rng: random.Random = field(default_factory=random.Random)
    """For jitter only."""
    fetch: Fetch | None = None
    """With what callers are looked up; None if no agent does so."""
    recorder: Recorder | None = None
    """What records calls; None if they are not to be recorded."""
    generation: int = 1
    """Which configuration this is, counted from the start of the daemon."""
    loaded_at: float = 0.0
    """When it was loaded, Unix seconds."""
    traceparent: Traceparent = untraced
    """What to send along with a request that is made for a call."""
