import base64
import datetime

import pytest
import svix.webhooks
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import ConfigError, WebhookRefused
from daemon.web.signature import SigningSecret, Verified, Verifier
from tests.web.fakes import NOW, OTHER_SECRET, SECRET, sign

CONTENT = b'{"test": 2432232314}'
OWN_NUMBER = "+14155550100"


def verifier(*secrets: SigningSecret, now: float = NOW, tolerance: float = 300.0) -> Verifier:
    return Verifier(secrets or (SigningSecret(value=SECRET),), wall=lambda: now, tolerance=tolerance)


def verify(**changes: str) -> Verified:
    headers = sign(CONTENT) | {name.replace("_", "-"): value for name, value in changes.items()}
    return verifier().verify(headers.items(), CONTENT)


def refused(headers: list[tuple[str, str]], content: bytes = CONTENT) -> WebhookRefused:
    with pytest.raises(WebhookRefused) as caught:
        verifier().verify(headers, content)
    return caught.value


def test_the_published_vector() -> None:
    headers = [
        ("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("Webhook-Timestamp", "1614265330"),
        ("Webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ]
    assert verifier(now=1614265330.5).verify(headers, CONTENT) == Verified(
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, numbers=frozenset({None})
    )


def test_what_standardwebhooks_signs_is_verified() -> None:
    assert verify().webhook_id == "msg_1"


def test_what_svix_signs_is_verified() -> None:
    content = '{"name": "Zoë", "emoji": "📞"}'
    moment = datetime.datetime.fromtimestamp(NOW, tz=datetime.UTC)
    signature = svix.webhooks.Webhook(SECRET).sign("msg_2", moment, content)
    headers = {"webhook-id": "msg_2", "webhook-timestamp": str(NOW), "webhook-signature": signature}
    assert verifier().verify(headers.items(), content.encode()).webhook_id == "msg_2"


@pytest.mark.parametrize("others", ["v1a,c2lnbmF0dXJl", "v2,abc=", "v1," + base64.b64encode(bytes(32)).decode()])
def test_ours_may_be_one_of_several(others: str) -> None:
    signature = sign(CONTENT)["webhook-signature"]
    assert verify(webhook_signature=f"{others} {signature} {others}").timestamp == NOW


@pytest.mark.parametrize("offset", [-300, 0, 300])
def test_the_tolerance_is_inclusive(offset: int) -> None:
    headers = sign(CONTENT, at=NOW + offset)
    assert verifier().verify(headers.items(), CONTENT).timestamp == NOW + offset


def test_the_tolerance_can_be_set() -> None:
    headers = sign(CONTENT, at=NOW - 6)
    with pytest.raises(WebhookRefused, match="old_signature"):
        verifier(tolerance=5.0).verify(headers.items(), CONTENT)


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("webhook_id", "", "bad_id"),
        ("webhook_id", "msg.1", "bad_id"),
        ("webhook_id", "msg_1\n", "bad_id"),
        ("webhook_id", "é", "bad_id"),
        ("webhook_id", "m" * 129, "bad_id"),
        ("webhook_id", "msg_2", "bad_signature"),
        ("webhook_timestamp", f"{NOW}.9", "bad_timestamp"),
        ("webhook_timestamp", f" {NOW}", "bad_timestamp"),
        ("webhook_timestamp", "nan", "bad_timestamp"),
        ("webhook_timestamp", chr(0xFF11) * 10, "bad_timestamp"),
        ("webhook_timestamp", "9" * 12, "bad_timestamp"),
        ("webhook_timestamp", f"0{NOW}", "bad_timestamp"),
        ("webhook_timestamp", str(NOW - 301), "old_signature"),
        ("webhook_timestamp", str(NOW + 301), "old_signature"),
        ("webhook_timestamp", "99999999999", "old_signature"),
        ("webhook_timestamp", str(NOW + 1), "bad_signature"),
        ("webhook_signature", "", "malformed_signature"),
        ("webhook_signature", "v1", "malformed_signature"),
        ("webhook_signature", "v1,", "malformed_signature"),
        ("webhook_signature", "v1,a,b", "malformed_signature"),
        ("webhook_signature", "v1,not base64", "malformed_signature"),
        ("webhook_signature", "v1,!!" + "A" * 41 + "=", "malformed_signature"),
        ("webhook_signature", "v1," + "A" * 43, "malformed_signature"),
        ("webhook_signature", "v2,é", "malformed_signature"),
        ("webhook_signature", "v2", "malformed_signature"),
        ("webhook_signature", "v1a,QUJD v2,QUJD", "no_known_signature"),
        ("webhook_signature", " ".join(["v2,QUJD"] * 9), "too_many_signatures"),
        ("webhook_signature", "v2," + "A" * 1022, "too_many_signatures"),
        ("webhook_signature", "v1," + "A" * 43 + "=", "bad_signature"),
    ],
)
def test_anything_but_a_signature_is_unauthorized(header: str, value: str, reason: str) -> None:
    with pytest.raises(WebhookRefused) as caught:
        verify(**{header: value})
    assert (caught.value.status, caught.value.reason, caught.value.answer) == (401, reason, "unauthorized")


def test_a_double_space_between_signatures_is_malformed() -> None:
    with pytest.raises(WebhookRefused, match="malformed_signature"):
        verify(webhook_signature="v2,QUJD  " + sign(CONTENT)["webhook-signature"])


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_must_be_there_once(name: str) -> None:
    headers = list(sign(CONTENT).items())
    assert refused([pair for pair in headers if pair[0] != name]).reason == "missing_header"
    again = (name.title(), dict(headers)[name])
    assert refused([again, *headers]).reason == "repeated_header"


def test_the_body_is_part_of_it() -> None:
    assert refused(list(sign(CONTENT).items()), CONTENT + b" ").reason == "bad_signature"


def test_a_body_that_is_not_text_is_a_bad_request() -> None:
    error = refused(list(sign(b"\xff").items()), b"\xff")
    assert (error.status, error.reason) == (400, "bad_body")


def test_every_secret_counts_while_they_are_rotated() -> None:
    both = verifier(SigningSecret(value=OTHER_SECRET), SigningSecret(value=SECRET))
    for secret in (SECRET, OTHER_SECRET):
        assert both.verify(sign(CONTENT, secret=secret).items(), CONTENT).numbers == {None}


def test_without_secrets_nobody_is_believed() -> None:
    with pytest.raises(WebhookRefused, match="bad_signature"):
        Verifier([], wall=lambda: NOW).verify(sign(CONTENT).items(), CONTENT)


def test_a_number_with_its_own_secret_takes_no_other() -> None:
    subject = verifier(SigningSecret(value=SECRET), SigningSecret(number=OWN_NUMBER, value=OTHER_SECRET))
    shared = subject.verify(sign(CONTENT).items(), CONTENT)
    own = subject.verify(sign(CONTENT, secret=OTHER_SECRET).items(), CONTENT)
    assert own.numbers == {OWN_NUMBER}
    subject.check_number(OWN_NUMBER, own)
    subject.check_number("+442071234567", shared)
    subject.check_number(None, shared)
    with pytest.raises(WebhookRefused, match="wrong_secret"):
        subject.check_number(OWN_NUMBER, shared)


@pytest.mark.parametrize("number", [None, OWN_NUMBER])
@pytest.mark.parametrize("value", ["", "whsec_", "whsec_A", "whsec_é"])
def test_a_useless_secret_is_the_configurations_fault_and_not_quoted(number: str | None, value: str) -> None:
    with pytest.raises(ConfigError, match="webhook_secrets: not a signing secret") as caught:
        verifier(SigningSecret(number=number, value=value))
    assert caught.value.__suppress_context__


def test_a_secret_does_not_show_itself() -> None:
    assert SECRET not in repr(SigningSecret(number=OWN_NUMBER, value=SECRET))


HEADER_TEXT = st.text(max_size=60) | st.from_regex(r"v1a?,[A-Za-z0-9+/=]{0,50}( v[0-9],\S*)?")
NAMES = st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature", "host"])


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, HEADER_TEXT), max_size=6), st.binary(max_size=40))
def test_arbitrary_headers_are_refused_and_nothing_else(headers: list[tuple[str, str]], content: bytes) -> None:
    assert refused(headers, content).status == 401


@settings(deadline=None)
@given(NAMES, HEADER_TEXT, st.binary(max_size=40))
def test_one_arbitrary_header_among_good_ones(name: str, value: str, content: bytes) -> None:
    headers = [*((key, good) for key, good in sign(CONTENT).items() if key != name.lower()), (name, value)]
    assert refused(headers, b"x" + content).status in {400, 401}
