"""Who may come in."""

import pytest

from daemon.config import Secret
from daemon.operate.access import Gate, is_foreign, is_ours
from daemon.web.peers import Peer

PEER = Peer(pid=1, uid=1000, gid=1000)
TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("token", "peer", "authorization", "who"),
    [
        (None, PEER, "", "operator uid 1000"),
        (TOKEN, PEER, "Bearer nonsense", "operator uid 1000"),
        (TOKEN, None, f"Bearer {TOKEN}", "operator with token"),
        (TOKEN, None, f"bearer {TOKEN}", "operator with token"),
        (TOKEN, None, f"Bearer {TOKEN} x", None),
        (TOKEN, None, "", None),
        # Without a token, nobody has the right one.
        (None, None, "Bearer ", None),
        (None, None, "Bearer None", None),
    ],
)
def test_the_gate(token: str | None, peer: Peer | None, authorization: str, who: str | None) -> None:
    gate = Gate(Secret(token) if token else None)
    assert gate.admit(peer, {"Authorization": authorization}) == who


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("localhost:9090", True),
        ("127.0.0.1:9090", True),
        ("[::1]:9090", True),
        ("LOCALHOST", True),
        ("example.com", False),
        ("127.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_hosts(host: str, ours: bool) -> None:
    assert is_ours(None, {"Host": host}) is ours
    # On the socket a name means nothing, unless it may be one of somebody else's page.
    assert is_ours(PEER, {"Host": host}) is (ours or host == "")


@pytest.mark.parametrize("host", ["callwarden", "callwarden:80", "cw", ""])
def test_plain_names_on_the_socket(host: str) -> None:
    assert is_ours(PEER, {"Host": host})
    assert not is_ours(None, {"Host": host})


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),  # another port of this machine
        ({"Origin": "http://localhost:8080"}, False),
        ({"Origin": "http://localhost:8081"}, True),
        ({"Origin": "https://example.com"}, True),
        ({"Origin": "null"}, True),
    ],
)
def test_pages_of_other_sites(headers: dict[str, str], *, foreign: bool) -> None:
    assert is_foreign({"Host": "localhost:8080", **headers}) is foreign
