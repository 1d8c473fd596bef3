"""The doctor, on a number that rings, and on all that can keep one from ringing."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trustme

from daemon.carriers.base import Change, Plan
from daemon.config import Config, Number, Secret, Server
from daemon.config.destinations import Destination
from daemon.errors import CarrierRefused, NotAuthorized, PlatformError, PlatformUnavailable
from daemon.numbers.delivery import Reached, deliver
from daemon.numbers.doctor import Finding, Patient, examine
from daemon.numbers.record import Record, SecretPlace, Wanted
from daemon.observe.clock import system_clock
from daemon.platforms.xai.numbers import PhoneNumber, SipAuth
from daemon.sandbox.rest import Answer, Asked, Fault, open_rest
from tests.configured import CALLED, SIGNING_SECRET, configuration
from tests.live import kill, live_daemon

OTHER_SECRET = "whsec_" + "b3RoZXJz" * 5
replace = msgspec.structs.replace


def config_of(*, carrier: Any = "twilio", public_url: str = "", secret: str = SIGNING_SECRET, **changes: Any) -> Config:
    config = configuration()
    number = Number(agent="support", webhook_secrets=(Secret(secret),), carrier=carrier)
    return replace(config, numbers={CALLED: number}, server=Server(public_url=public_url), **changes)


def record_of(folder: Path, *, url: str = "", secret: str = SIGNING_SECRET) -> Record:
    path = folder / "secret"
    path.write_text(secret + "\n")
    wanted = Wanted(number=CALLED, name="Desk", webhook_url=url, sip=SipAuth())
    return Record(wanted=wanted, phase="registered", number_id="pn-1", base=SecretPlace(path=str(path)), told=True)


def patient_of(config: Config, record: Record | None, **changes: Any) -> Patient:
    async def listed() -> list[PhoneNumber]:
        return [PhoneNumber(phone_number_id="pn-1", phone_number=CALLED)]

    async def preview() -> Plan:
        return Plan(facts={"transfers": "on"})

    given: dict[str, Any] = {
        "config": config,
        "numbers": (CALLED,),
        "records": {} if record is None else {CALLED: record},
        "listed": listed,
        "previews": {CALLED: preview},
        "facts": {CALLED: {"transfers": "on"}},
        "wall": system_clock,
    }
    return Patient(**given | changes)


async def findings_of(patient: Patient) -> list[Finding]:
    return [finding async for finding in examine(patient)]


async def wrong_with(patient: Patient) -> list[str]:
    return [
        f"{one.state} {one.what}: {one.words}; {one.fix}" for one in await findings_of(patient) if one.state != "ok"
    ]


@asynccontextmanager
async def tls_in_front(authority: trustme.CA, socket: Path) -> AsyncIterator[str]:
    """A TLS proxy for a Unix socket, as an operator would put one there; gives its URL."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    async def relay(public: trio.SSLStream[trio.SocketStream]) -> None:
        async with await trio.open_unix_socket(socket) as inside, trio.open_nursery() as nursery:

            async def pump(source: trio.abc.ReceiveStream, target: trio.abc.SendStream) -> None:
                try:
                    async for chunk in source:
                        await target.send_all(chunk)
                except trio.BrokenResourceError:
                    pass
                nursery.cancel_scope.cancel(reason="one side has closed")

            nursery.start_soon(partial(pump, inside, public), name="to the world")
            await pump(public, inside)

    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_ssl_over_tcp, relay, 0, context, host="127.0.0.1")
        (listener,) = await nursery.start(serve, name="tls in front")
        yield f"https://localhost:{listener.transport_listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel(reason="done")


async def test_a_number_that_rings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with live_daemon(configuration(), tmp_path) as live, tls_in_front(authority, tmp_path / "public.sock") as url:
        webhook = f"{url}/xai/sip-webhook"
        patient = patient_of(config_of(public_url=url), record_of(tmp_path, url=webhook))
        assert any("TLS: " in line for line in await wrong_with(patient))  # nobody trusts this authority yet
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        found = await findings_of(patient)
        assert [one for one in found if one.state != "ok"] == []
        assert [one.what for one in found] == [
            "API key",
            f"{CALLED} registration",
            f"{CALLED} secret",
            f"{CALLED} agent",
            f"{CALLED} carrier",
            webhook,
            f"{CALLED} delivery",
        ]
        # A secret that the running daemon does not know yet, though the file on disk names it.
        config = config_of(public_url=url, secret=OTHER_SECRET)
        (line,) = await wrong_with(patient_of(config, record_of(tmp_path, url=webhook, secret=OTHER_SECRET)))
        assert "running daemon does not know secret 1" in line
        assert "callwarden reload" in line
        # No test delivery became a call.
        assert live.records() == []
        kill()


@asynccontextmanager
async def door(answer: Answer | Fault) -> AsyncIterator[str]:
    """Something at the webhook's URL that answers always the same."""

    def front(asked: Asked) -> Answer | Fault:
        return answer

    async with open_rest(front) as base:
        yield f"{base}/xai/sip-webhook"


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (Answer(204), "takes a forged delivery, so it is not the daemon"),
        (Answer(404), "answered by something else than the daemon (HTTP 404); let the proxy pass this path"),
        (Answer(502), "(HTTP 502)"),
        (Answer(301, headers={"location": "https://example.org/"}), "(HTTP 301)"),
        (Fault.CUT, "start the daemon"),
    ],
)
async def test_what_can_stand_in_the_way(answer: Answer | Fault, line: str, tmp_path: Path) -> None:
    async with door(answer) as url:
        (found,) = await wrong_with(patient_of(config_of(), record_of(tmp_path, url=url)))
    assert found.startswith(f"fail {url}")
    assert line in found


async def test_nobody_listens(tmp_path: Path) -> None:
    (found,) = await wrong_with(patient_of(config_of(), record_of(tmp_path, url="http://127.0.0.1:1/hook")))
    assert "127.0.0.1:1 failed" in found
    assert "start the daemon" in found


async def test_a_name_that_does_not_resolve() -> None:
    assert await deliver("https://no..name/hook", None, system_clock) == (
        Reached.NO_NAME,
        "no..name does not resolve",
    )


async def test_no_answer_in_time(autojump_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *arguments: object) -> Any:
            await trio.sleep_forever()

        async def getnameinfo(self, *arguments: object) -> Any:
            await trio.sleep_forever()

    trio.socket.set_custom_hostname_resolver(Slow())
    assert (await deliver("https://slow.example/hook", None, system_clock))[0] is Reached.NO_ANSWER


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A door at which every delivery is refused, as one with an unknown secret would be."""
    async with door(Answer(401)) as url:
        yield url


async def test_nothing_is_stated() -> None:
    lines = await wrong_with(patient_of(config_of(carrier=""), None))
    assert [line.partition(":")[0] for line in lines] == [
        f"warn {CALLED} secret",
        f"warn {CALLED} carrier",
        f"fail {CALLED} webhook",
    ]
    assert 'public_url = "https://HOST"' in lines[-1]


REFUSED = NotAuthorized(401, "Unauthenticated", "Incorrect API key provided.")


@pytest.mark.parametrize(
    ("error", "line"), [(REFUSED, "look at [platform.xai] api_key"), (PlatformUnavailable("no route"), "no route")]
)
async def test_a_platform_that_does_not_answer(error: PlatformError, line: str, url: str, tmp_path: Path) -> None:
    async def listed() -> list[PhoneNumber]:
        raise error

    found = await wrong_with(patient_of(config_of(), record_of(tmp_path, url=url), listed=listed))
    assert line in found[0]
    assert not [one for one in found if "registration" in one]


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        ([], "numbers register"),
        ([PhoneNumber(phone_number_id="pn-1", phone_number=CALLED, agent_id="agent-1")], "console agent"),
        ([PhoneNumber(phone_number_id="pn-2", phone_number=CALLED)], "registered anew elsewhere"),
    ],
)
async def test_registrations(entries: list[PhoneNumber], line: str, url: str, tmp_path: Path) -> None:
    async def listed() -> list[PhoneNumber]:
        return entries

    found = await wrong_with(patient_of(config_of(), record_of(tmp_path, url=url), listed=listed))
    assert line in found[0]


async def test_a_registration_that_was_broken_off(url: str, tmp_path: Path) -> None:
    record = replace(record_of(tmp_path, url=url), phase="creating")
    assert "broken off (creating)" in (await wrong_with(patient_of(config_of(), record)))[0]


async def test_secrets(url: str, tmp_path: Path) -> None:
    record = record_of(tmp_path, url=url, secret=OTHER_SECRET)
    found = await wrong_with(patient_of(config_of(), record))
    assert f'webhook_secrets = ["${{file:{tmp_path}/secret}}"]' in found[0]
    (tmp_path / "secret").unlink()
    assert "can't be read by you" in (await wrong_with(patient_of(config_of(), record)))[0]
    assert not [line for line in found if "whsec_" in line]


async def test_a_webhook_url_other_than_the_public_one(url: str, tmp_path: Path) -> None:
    found = await wrong_with(patient_of(config_of(public_url="https://now.example.org"), record_of(tmp_path, url=url)))
    assert "numbers rotate +18005550199 --webhook https://now.example.org/xai/sip-webhook" in found[0]


async def test_carriers(url: str, tmp_path: Path) -> None:
    record = record_of(tmp_path, url=url)

    async def refused() -> Plan:
        raise CarrierRefused(401, "HTTP 401: 20003 Authenticate")

    async def impossible() -> Plan:
        return Plan(refusals=("the number is on another trunk",))

    async def unfinished() -> Plan:
        change = Change(key="k", sign="+", words="trunk", method="POST", path="/v1/Trunks")
        return Plan(changes=(change,))

    for preview, line in ((refused, "20003"), (impossible, "another trunk"), (unfinished, "+ trunk")):
        found = await wrong_with(patient_of(config_of(), record, previews={CALLED: preview}))
        assert line in found[0]
        assert f"callwarden carrier {'apply' if preview is unfinished else 'plan'} {CALLED}" in found[0]
    assert "credentials" in (await wrong_with(patient_of(config_of(), record, previews={})))[0]
    assert "delivery" in (await wrong_with(patient_of(config_of(carrier="byo"), record, previews={})))[0]


async def test_transfers_that_will_not_work(url: str, tmp_path: Path) -> None:
    config = config_of(carrier="plivo", destinations={"desk": Destination(uri="tel:+18005550123")})
    found = await wrong_with(patient_of(config, record_of(tmp_path, url=url)))
    assert "sip:+18005550123@TRUNK.zt.plivo.com" in found[-1]
    assert found[-1].startswith("warn [destinations.desk] uri")
