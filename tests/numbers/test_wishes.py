"""What may be asked for at a registration, and what is refused with what to do instead."""

import pytest

from daemon.numbers.wishes import allowed_addresses, new_sip_password, sip_username, webhook_url


@pytest.mark.parametrize(
    "url", ["https://calls.example.org/xai/sip-webhook", "https://203.0.113.7:8443/", "https://a.b"]
)
def test_urls(url: str) -> None:
    assert webhook_url(url) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://calls.example.org/hook", "https only"),
        ("calls.example.org/hook", "expected a URL"),
        ("ftp://calls.example.org/hook", "starts with https://"),
        ("https://user:secret@calls.example.org/", "user name or password"),
        ("https://calls.example.org/hook?x=1", "without query"),
        ("https://calls example.org", "expected a URL"),
        ("https://localhost/hook", "from outside"),
        ("https://127.0.0.1/hook", "from outside"),
        ("https://10.1.2.3/hook", "from outside"),
        ("https://[::1]/hook", "from outside"),
        ("https://pbx.local/hook", "from outside"),
        ("https://a..b/hook", "neither a name nor an address"),
        ("https://", "expected a URL"),
        ("", "expected a URL"),
    ],
)
def test_urls_that_cannot_work(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        webhook_url(url)
    assert "secret" not in str(refused.value)


def test_ranges() -> None:
    written = ["54.172.60.0/30", "203.0.113.10", "2001:db8::/32", "203.0.113.10/32"]
    assert allowed_addresses(written) == ("54.172.60.0/30", "203.0.113.10/32", "2001:db8::/32")
    assert allowed_addresses(["8.0.0.0/8"]) == ("8.0.0.0/8",)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["0.0.0.0/0"], "cover a good part of the world"),
        (["::/0"], "cover a good part of the world"),
        (["0.0.0.0/1", "128.0.0.0/1"], "cover a good part of the world"),
        (["8.0.0.0/7"], "cover a good part of the world"),
        ([f"{first}.0.0.0/8" for first in (8, 9)], "cover a good part of the world"),
        (["2000::/16"], "cover a good part of the world"),
        (["54.172.60.1/30"], "write 54.172.60.0/30"),
        (["54.172.60/30"], "is no range"),
        (["twilio"], "is no range"),
        (["10.0.0.0/24"], "not reachable from outside"),
        (["192.168.1.1"], "not reachable from outside"),
        (["224.0.0.0/4"], "not reachable from outside"),
        (["fe80::/64"], "not reachable from outside"),
    ],
)
def test_ranges_that_are_wrong(written: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        allowed_addresses(written)


def test_user_names() -> None:
    assert sip_username("desk-1.a_b") == "desk-1.a_b"
    assert sip_username("desk01", "plivo") == "desk01"
    for text, carrier in (("", ""), ("a b", ""), ("a@b", ""), ("x" * 65, ""), ("desk", "plivo"), ("desk-01", "plivo")):
        with pytest.raises(ValueError, match="user name"):
            sip_username(text, carrier)


def test_passwords_fit_every_carrier() -> None:
    made = {new_sip_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        assert len(password) == 20
        assert password.count("_") == 1
        assert password.replace("_", "").isalnum()
        assert password.isascii()
        assert "_" not in (password[0], password[-1])
