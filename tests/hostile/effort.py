"""How hard the hostile tests try: a little in every run, a hundred times as much in `make exhaust`."""

import os

from hypothesis import HealthCheck, settings

EXHAUSTIVE = "CALLWARDEN_EXHAUSTIVE" in os.environ


def examples(few: int) -> settings:
    """So many, or a hundred times as many; what they do, not how long it takes, is the subject."""
    health = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=few * 100 if EXHAUSTIVE else few, deadline=None, suppress_health_check=health)
