"""Rules for single values: what each lets through, and what it says to the rest."""

from collections.abc import Callable

import pytest

from daemon.config import checks

Rule = Callable[[str], str]
HTTP = checks.url("https", "http")
WS = checks.url("wss", "ws")


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (checks.bind_address, "127.0.0.1:8080"),
        (checks.bind_address, "0.0.0.0:0"),
        (checks.bind_address, "localhost:65535"),
        (checks.bind_address, "calls-1.example.net:80"),
        (checks.bind_address, "[::1]:8080"),
        (checks.bind_address, "[fe80::1%eth0]:8080"),
        (checks.bind_address, "unix:/run/callwarden/http.sock"),
        (checks.bind_address, "fd://3"),
        (checks.bind_address, "fd://12"),
        (checks.webhook_path, "/"),
        (checks.webhook_path, "/xai/sip-webhook"),
        (checks.webhook_path, "/livez2/"),
        (checks.public_url, ""),
        (checks.public_url, "https://calls.example.net"),
        (HTTP, "https://api.x.ai"),
        (HTTP, "https://api.x.ai:8443/proxy"),
        (HTTP, "http://127.9.8.7:1"),
        (HTTP, "http://[::1]:1"),
        (HTTP, "http://LocalHost:1"),
        (WS, "wss://api.x.ai/v1/realtime"),
        (WS, "ws://localhost/v1/realtime"),
        (checks.phone_number, "+18005550199"),
        (checks.phone_number, "+4930123456"),
        (checks.agent_name, "a-b_9"),
        (checks.agent_name, "x" * 64),
        (checks.destination_name, "front_desk-2"),
        (checks.language, ""),
        (checks.language, "en"),
        (checks.language, "es-MX"),
        (checks.terminator, ""),
        (checks.terminator, "*"),
        (checks.terminator, "0"),
    ],
)
def test_let_through_unchanged(rule: Rule, text: str) -> None:
    assert rule(text) == text


def test_a_trailing_slash_is_dropped() -> None:
    assert HTTP("https://api.x.ai/") == "https://api.x.ai"
    assert checks.public_url("https://calls.example.net/x/") == "https://calls.example.net/x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a port is a number from 0 to 65535"),
        ("8080", 'expected "host:port"'),
        ("localhost", 'expected "host:port"'),
        ("localhost:http", "a port is a number"),
        ("localhost:65536", "a port is a number"),
        ("localhost:٣", "a port is a number"),
        (":8080", 'write "0.0.0.0:8080"'),
        ("::1:8080", 'expected "host:port"'),
        ("[::g]:8080", 'expected "host:port"'),
        ("[127.0.0.1]:8080", 'expected "host:port"'),
        ("256.0.0.1:8080", 'expected "host:port"'),
        ("-host:8080", 'expected "host:port"'),
        ("http://localhost:8080", 'expected "host:port"'),
        ("unix:run.sock", "an absolute path after unix:"),
        ("unix:/a\0b", "an absolute path after unix:"),
        ("unix:/" + "x" * 107, "at most 107 bytes"),
        ("fd://2", "3 or higher"),
        ("fd://x", "3 or higher"),
    ],
)
def test_no_address_to_listen_on(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checks.bind_address(text)


@pytest.mark.parametrize(
    ("rule", "text", "message"),
    [
        (checks.webhook_path, "", 'starts with "/"'),
        (checks.webhook_path, "hook", 'starts with "/"'),
        (checks.webhook_path, "//hook", "a plain path"),
        (checks.webhook_path, "/a b", "a plain path"),
        (checks.webhook_path, "/<name>", "a plain path"),
        (checks.webhook_path, "/a?b", "a plain path"),
        (checks.webhook_path, "/livez", "taken by the health checks"),
        (checks.webhook_path, "/readyz/", "taken by the health checks"),
        (checks.public_url, "http://localhost", "starts with https://"),
        (checks.public_url, "calls.example.net", "a URL such as https://host/path"),
        (HTTP, "", "a URL such as https://host/path"),
        (HTTP, "https://", "a URL such as"),
        (HTTP, "https://api.x.ai\n", "a URL such as"),
        (HTTP, "https://api.x.ai:99999", "a URL such as"),
        (HTTP, "https://api.x.ai:0", "a URL such as"),
        (HTTP, "https://[::1", "a URL such as"),
        (HTTP, "https://api.x.ai/?a=b", "without query or fragment"),
        (HTTP, "https://api.x.ai/#a", "without query or fragment"),
        (HTTP, "https://:hunter2@api.x.ai", "may not carry a user name or password"),
        (HTTP, "http://api.x.ai", "http:// is for this machine only .* use https://"),
        (HTTP, "http://10.0.0.1", "this machine only"),
        (HTTP, "http://127.0.0.1.example.net", "this machine only"),
        (HTTP, "wss://api.x.ai", "starts with https://"),
        (WS, "ws://api.x.ai", "ws:// is for this machine only .* use wss://"),
        (WS, "https://api.x.ai", "starts with wss://"),
        (checks.phone_number, "18005550199", "in E.164 form"),
        (checks.phone_number, "reception", "in E.164 form"),
        (checks.phone_number, "+1800555", "no such phone number"),
        (checks.phone_number, "+1 800 555 0199", r'write "\+18005550199"'),
        (checks.agent_name, "", "1 to 64 of the characters"),
        (checks.agent_name, "Support", "1 to 64 of the characters"),
        (checks.agent_name, "x" * 65, "1 to 64 of the characters"),
        (checks.destination_name, "Front desk", "a destination's name is 1 to 64 of the characters"),
        (checks.language, "english please", "a language tag such as"),
        (checks.language, "e", "a language tag such as"),
        (checks.language, "es", 'a region with this language, such as "es-ES" or "es-MX"'),
        (checks.language, "PT", 'a region with this language, such as "pt-BR" or "pt-PT"'),
        (checks.terminator, "##", "one key of 0-9"),
        (checks.terminator, "A", "one key of 0-9"),
    ],
)
def test_refused_with_a_reason(rule: Rule, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        rule(text)
    assert "hunter2" not in str(caught.value)


def test_nothing_twice() -> None:
    assert checks.distinct(("a", "b")) == ("a", "b")
    with pytest.raises(ValueError, match="item 3 says the same as item 1"):
        checks.distinct(("a", "b", "a"))
