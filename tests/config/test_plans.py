"""Places to send callers to, and the plans that send them there."""

import pytest

from daemon.config.plans import destination_uri, plan, step

EXPECTED = r'expected "tel:\+18005550123" or "sip:user@host"'
HOST = 'expected a host name or an IP address after "@"'
USER = "the user of a sip: address is 1 to 64 of the characters"
PORT = "a port is a number from 1 to 65535"
TRANSPORT = "the only thing that may follow the host is one of ;transport=udp"


@pytest.mark.parametrize(
    "uri",
    [
        "tel:+18005550123",
        "tel:+4930123456",
        "sip:desk@example.net",
        "sip:+18005550123@pbx-1.example.net",
        "sip:A.b_c+d~e-9@localhost",
        f"sip:{'x' * 64}@example.net",
        "sip:desk@192.0.2.1",
        "sip:desk@192.0.2.1:1",
        "sip:desk@[2001:db8::1]",
        "sip:desk@[2001:db8::1]:65535;transport=udp",
        "sip:desk@example.net:5060;transport=tcp",
        "sip:desk@example.net;transport=tls",
    ],
)
def test_a_place_to_send_callers_to(uri: str) -> None:
    assert destination_uri(uri) == uri


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("", EXPECTED),
        ("+18005550123", EXPECTED),
        ("desk@example.net", EXPECTED),
        ("https://example.net", EXPECTED),
        ("TEL:+18005550123", EXPECTED),
        ("<sip:desk@example.net>", EXPECTED),
        ("tel:", 'after "tel:", expected a phone number in E.164 form'),
        ("tel:18005550123", 'after "tel:", expected a phone number in E.164 form'),
        ("tel:+1800555", 'after "tel:", there can be no such phone number'),
        ("tel:+1-800-555-0123", r'after "tel:", phone numbers are .* write "\+18005550123"'),
        ("tel:+18005550123;ext=5", 'after "tel:", phone numbers are written without'),
        ("tel:+18005550123\n", 'after "tel:", phone numbers are written without'),
        ("sips:desk@example.net", "sips: is not supported; write sip:user@host;transport=tls"),
        ("sip:", EXPECTED),
        ("sip:example.net", EXPECTED),
        ("sip://desk@example.net", USER),
        ("sip:@example.net", USER),
        ("sip:desk:hunter2@example.net", USER),
        ("sip:a b@example.net", USER),
        ("sip:désk@example.net", USER),
        (f"sip:{'x' * 65}@example.net", USER),
        ("sip:desk@", HOST),
        ("sip:desk@a@b", HOST),
        ("sip:desk@-host", HOST),
        ("sip:desk@a..b", HOST),
        ("sip:desk@exämple.net", HOST),
        ("sip:desk@192.0.2.256", HOST),
        ("sip:desk@2001:db8::1", HOST),
        ("sip:desk@[192.0.2.1]", HOST),
        ("sip:desk@[fe80::1%eth0]", HOST),
        ("sip:desk@[fe80::1%\r\nX-Evil: 1]", HOST),
        ("sip:desk@example.net\r\n", HOST),
        ("sip:desk@example.net:", HOST),
        ("sip:desk@example.net:sip", HOST),
        ("sip:desk@example.net:٣", HOST),
        ("sip:desk@example.net?Subject=x", HOST),
        ("sip:desk@example.net:0", PORT),
        ("sip:desk@example.net:65536", PORT),
        ("sip:desk@example.net;", TRANSPORT),
        ("sip:desk@example.net;transport=sctp", TRANSPORT),
        ("sip:desk@example.net;transport=TLS", TRANSPORT),
        ("sip:desk@example.net;user=phone", TRANSPORT),
        ("sip:desk@example.net;transport=tls;user=phone", TRANSPORT),
        ("sip:desk@example.net;transport=tls?Subject=x", TRANSPORT),
        ("sip:desk;phone-context=x@example.net", TRANSPORT),
        ("sip:desk@example.net;transport=tls\n", TRANSPORT),
    ],
)
def test_no_place_to_send_anybody_to(uri: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        destination_uri(uri)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", ["refuse", "refer:front_desk", "announce:Busy.", f"announce: {'x' * 1000} "])
def test_a_step(text: str) -> None:
    assert step(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hang_up", 'expected "refuse", "refer:DESTINATION" or "announce:TEXT"'),
        ("announce:" + "x" * 1001, "an announcement has at most 1000 characters; this one has 1001"),
    ],
)
def test_no_step(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step(text)


@pytest.mark.parametrize(
    "steps", [(), ("refuse",), ("refer:a", "refuse"), ("refer:a", "refer:b", "announce:refuse"), ("announce:Busy.",)]
)
def test_a_plan_of_which_every_step_could_run(steps: tuple[str, ...]) -> None:
    assert plan(steps) == steps


@pytest.mark.parametrize(
    ("steps", "place"),
    [(("refuse", "announce:Busy."), 1), (("refer:a", "refuse", "refuse"), 2), (("refuse", "refuse"), 1)],
)
def test_nothing_comes_after_a_refusal(steps: tuple[str, ...], place: int) -> None:
    with pytest.raises(
        ValueError, match=f'^item {place}: "refuse" may only be the last step; nothing after it could run'
    ):
        plan(steps)
