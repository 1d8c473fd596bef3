"""Configurations for tests, as records: no file, no secret of anybody's."""

import msgspec

from daemon.config import Agent, Config, Drain, Limits, Number, Operator, Platforms, Secret, XaiPlatform

API_KEY = "test-key"
SIGNING_SECRET = "whsec_" + "c2VjcmV0" * 5
CALLED = "+18005550199"
CALLER = "+14155550100"


def configuration(*, agent: Agent | None = None, max_calls: int = 20, drain: Drain | None = None) -> Config:
    """One number, one agent, everything else as shipped."""
    return Config(
        platform=Platforms(
            xai=XaiPlatform(api_key=Secret(API_KEY), webhook_secrets=(Secret(SIGNING_SECRET),)),
        ),
        numbers={CALLED: Number(agent="support")},
        agents={"support": agent or Agent(instructions="Help.", greeting="Welcome.")},
        limits=Limits(max_calls=max_calls),
        operator=Operator(socket=""),
        drain=drain or Drain(),
    )


def with_xai(config: Config, **changes: object) -> Config:
    """The same with other manners of the platform."""
    return msgspec.structs.replace(
        config, platform=Platforms(xai=msgspec.structs.replace(config.platform.xai, **changes))
    )
