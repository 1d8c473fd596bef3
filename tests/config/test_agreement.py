"""Keys that are right on their own and wrong together."""

from pathlib import Path

import pytest

from tests.config.written import AGENT, MINIMAL, NUMBER, PLATFORM, complaints, loaded

NO_NUMBER = 'config.toml: [numbers]: at least one number is needed; add [numbers."+18005550199"] with agent = "NAME"'
NO_AGENT = 'config.toml: [agents]: at least one agent is needed; add [agents.NAME] with instructions = "..."'
SUPPORT = "config.toml: [agents.support]"
OWN_SECRET = 'webhook_secrets = ["${env:HOOK}"]\n'
NO_SECRETS = '[platform.xai]\napi_key = "${env:XAI_API_KEY}"\n'

DESTINATIONS = '[destinations]\nfront_desk.uri = "tel:+18005550123"\nnight.uri = "sip:night@example.net"\n'


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (PLATFORM, [NO_NUMBER, NO_AGENT]),
        (PLATFORM + "[numbers]\n[agents]\n", [NO_NUMBER, NO_AGENT]),
        (PLATFORM + NUMBER, [NO_AGENT]),
        (PLATFORM + AGENT, [NO_NUMBER]),
        (
            PLATFORM + NUMBER + AGENT.replace("support", "suport"),
            [
                'config.toml: [numbers."+18005550199"] agent: there is no agent "support"; did you mean "suport"?',
            ],
        ),
        (
            PLATFORM + NUMBER + AGENT.replace("support", "night") + AGENT.replace("support", "day"),
            ['config.toml: [numbers."+18005550199"] agent: there is no agent "support"; there is: night, day'],
        ),
        (
            NO_SECRETS + NUMBER + OWN_SECRET + NUMBER.replace("199", "198") + AGENT,
            [
                "config.toml: [platform.xai] webhook_secrets: missing, and +18005550198 has none of its own; "
                'add webhook_secrets = ["${credential:xai-webhook-secret}"]',
            ],
        ),
        (
            PLATFORM + NUMBER + "[agents.support]\n",
            [f"{SUPPORT} instructions: missing; give instructions or instructions_file"],
        ),
        (
            PLATFORM + NUMBER + '[agents.support]\ninstructions = ""\ninstructions_file = ""\n',
            [f"{SUPPORT} instructions: missing; give instructions or instructions_file"],
        ),
        (
            PLATFORM + NUMBER + '[agents.support]\ninstructions = " \\n"\n',
            [f"{SUPPORT} instructions: there is nothing but white space in it"],
        ),
        (
            MINIMAL + 'instructions_file = "support.md"\n',
            [f"{SUPPORT} instructions_file: give either instructions or instructions_file, not both"],
        ),
        (
            MINIMAL + 'greeting = "Hello."\ngreeting_prompt = "Greet."\n',
            [f"{SUPPORT} greeting_prompt: give either greeting or greeting_prompt, not both"],
        ),
        (
            MINIMAL + '[limits]\noverflow = ["announce:Busy.", "refer:desk"]\n',
            [
                'config.toml: [limits] overflow: item 2: there is no destination "desk"; '
                'add [destinations.NAME] with uri = "tel:+18005550123"',
            ],
        ),
        (
            MINIMAL + DESTINATIONS + '[limits]\nunrouted = ["refer:font-desk", "refer:moon"]\n',
            [
                'config.toml: [limits] unrouted: item 1: there is no destination "font-desk"; '
                'did you mean "front_desk"?',
                'config.toml: [limits] unrouted: item 2: there is no destination "moon"; there is: front_desk, night',
            ],
        ),
        (
            PLATFORM + NUMBER + 'overflow = ["refer:nihgt"]\n' + AGENT + DESTINATIONS,
            [
                'config.toml: [numbers."+18005550199"] overflow: item 1: there is no destination "nihgt"; '
                'did you mean "night"?',
            ],
        ),
        # Of the wrong type, so the decoder's to tell, and nobody else's.
        (
            PLATFORM + NUMBER.replace('"support"', "1") + "[agents.support]\ninstructions = 0\n",
            [
                'config.toml: [numbers."+18005550199"] agent: expected a string, got an integer',
                f"{SUPPORT} instructions: expected a string, got an integer",
            ],
        ),
        (
            PLATFORM + NUMBER + AGENT + "[agents]\nnight = 1\n",
            ["config.toml: [agents] night: expected a table, got an integer"],
        ),
        (
            "destinations = 1\nlimits = 2\n" + PLATFORM + NUMBER + 'overflow = [3, "refer", "refer:x"]\n' + AGENT,
            [
                'config.toml: [numbers."+18005550199"] overflow: item 1: expected a string, got an integer',
                'config.toml: [numbers."+18005550199"] overflow: item 2: expected "refuse", "refer:DESTINATION" '
                'or "announce:TEXT"',
                "config.toml: destinations: expected a table, got an integer",
                "config.toml: limits: expected a table, got an integer",
            ],
        ),
        (
            MINIMAL + '[limits]\noverflow = ["call:x", "refer:desk"]\n[destinations]\ndesk = 1\n',
            [
                "config.toml: [destinations] desk: expected a table, got an integer",
                'config.toml: [limits] overflow: item 1: expected "refuse", "refer:DESTINATION" or "announce:TEXT"',
            ],
        ),
    ],
)
def test_a_contradiction_gets_its_message(tmp_path: Path, text: str, messages: list[str]) -> None:
    assert complaints(tmp_path, text) == messages


def test_every_number_may_have_its_own_secret(tmp_path: Path) -> None:
    config = loaded(tmp_path, NO_SECRETS + NUMBER + OWN_SECRET + AGENT)
    assert config.platform.xai.webhook_secrets == ()
    assert len(config.numbers["+18005550199"].webhook_secrets) == 1


@pytest.mark.parametrize("line", ['greeting = "Hello."', 'greeting_prompt = "Greet."'])
def test_either_greeting_alone_is_fine(tmp_path: Path, line: str) -> None:
    agent = loaded(tmp_path, MINIMAL + line).agents["support"]
    assert (agent.greeting or agent.greeting_prompt) in line
