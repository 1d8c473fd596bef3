"""What a tool may connect to: the address that was checked, whatever the name says a moment later."""

import json
import ssl
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

import pytest
import trio
import trustme

from daemon.config import HttpTool
from daemon.core.addresses import Address
from daemon.core.effects import ToolUse
from daemon.tools import open_tools
from daemon.tools.base import Answer
from daemon.tools.connecting import SystemResolver
from tests.conftest import Logged
from tests.tools.server import asking, open_server, says

CONTEXT = ssl.create_default_context()
"""Made once: it reads all the certificates of the system."""
BLOCKED = "The tool is not set up rightly; nothing was done. Tell the caller that it does not work at the moment."


class Names:
    """A resolver of the test's own, that says one thing after the other."""

    def __init__(self, *answers: str) -> None:
        self.asked: list[tuple[str, int]] = []
        self._answers = [*answers]

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        await trio.lowlevel.checkpoint()
        self.asked.append((host, port))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ip_address(text) for text in answer.split()]


Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


async def run(url: str, resolve: Resolve, *allow: str, verify: ssl.SSLContext = CONTEXT) -> Answer:
    tool = HttpTool(description="x", url=url, allow_private=allow)
    async with open_tools({"it": tool}, resolve=resolve, verify=verify) as tools:
        with trio.fail_after(10):
            return await tools["it"].run(asking("u1"), ToolUse(id="u1", name="it", arguments="{}"))


@pytest.mark.parametrize(
    "addresses",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1", "0.0.0.0", "64:ff9b::7f00:1"],
)
async def test_a_public_name_with_a_private_address(addresses: str, logged: Logged) -> None:
    async with open_server(says(200, "{}")) as server:
        answer = await run(f"https://api.example.com:{server.port}/", Names(addresses))
    assert (json.loads(answer.output), answer.why) == ({"error": BLOCKED}, "address refused")
    assert not server.asked
    (line,) = logged()
    assert line["why"] == "api.example.com has no public address; if that is meant, add it to allow_private"


async def test_the_name_is_asked_once_for_each_request_and_the_answer_is_used() -> None:
    names = Names("127.0.0.1", "169.254.169.254")
    async with open_server(says(200, "{}")) as server:
        answer = await run(f"http://api.example.com:{server.port}/", names, "127.0.0.1")
    assert answer.why == ""
    assert names.asked == [("api.example.com", server.port)]
    assert server.asked[0].headers["host"] == f"api.example.com:{server.port}"


@pytest.mark.parametrize("allow", ["api.example.com", "127.0.0.0/8", "127.0.0.1"])
async def test_what_is_allowed_by_name_network_or_address(allow: str) -> None:
    async with open_server(says(200, "{}")) as server:
        answer = await run(f"http://api.example.com:{server.port}/", Names("127.0.0.1"), allow)
    assert answer.why == ""


async def test_what_is_allowed_is_all_that_is_used() -> None:
    async with open_server(says(200, "{}")) as server:
        url = f"http://api.example.com:{server.port}/"
        assert (await run(url, Names("10.255.255.1 127.0.0.1"), "127.0.0.1")).why == ""
        assert (await run(url, Names("127.0.0.1"), "127.0.0.2", "other.example.com")).why == "address refused"


async def test_the_next_address_when_nobody_is_at_the_first() -> None:
    async with open_server(says(200, "{}")) as server:
        answer = await run(f"http://api.example.com:{server.port}/", Names("127.0.0.2 127.0.0.1"), "127.0.0.0/8")
    assert answer.why == ""


async def test_a_name_that_there_is_not() -> None:
    async def nothing(host: str, port: int) -> Sequence[Address]:
        await trio.lowlevel.checkpoint()
        raise OSError("no such host")

    assert (await run("https://api.example.com/", nothing)).why == "not reached"


async def test_a_name_without_an_address() -> None:
    async def nothing(host: str, port: int) -> Sequence[Address]:
        await trio.lowlevel.checkpoint()
        return []

    assert (await run("https://api.example.com/", nothing)).why == "not reached"


async def test_the_system_resolves_too() -> None:
    assert {*await SystemResolver()("127.0.0.1", 80)} == {ip_address("127.0.0.1")}
    assert all(address.is_loopback for address in await SystemResolver()("localhost", 80))


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize(("name", "why"), [("api.example.com", ""), ("other.example.com", "not reached")])
async def test_the_certificate_must_be_that_of_the_name(authority: trustme.CA, name: str, why: str) -> None:
    serving, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("api.example.com").configure_cert(serving)
    authority.configure_trust(trusting)
    async with open_server(says(200, "{}"), tls=serving) as server:
        answer = await run(f"https://{name}:{server.port}/", Names("127.0.0.1"), name, verify=trusting)
    assert answer.why == why


async def test_the_certificate_must_be_trusted(authority: trustme.CA) -> None:
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("api.example.com").configure_cert(serving)
    async with open_server(says(200, "{}"), tls=serving) as server:
        answer = await run(f"https://api.example.com:{server.port}/", Names("127.0.0.1"), "api.example.com")
    assert answer.why == "not reached"
