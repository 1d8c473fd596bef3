"""Registering, rotating and deleting, with death at every step of it: the end is right, and no secret is lost."""

import json
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from trio.testing import MockClock

from daemon.config import Secret
from daemon.errors import PlatformUnavailable, SetupStopped
from daemon.numbers.files import Files, write_private
from daemon.numbers.record import Record, SecretPlace, Shelf, Wanted
from daemon.numbers.registration import Registrar, Unreadable, replace
from daemon.numbers.secretstore import free_generation
from daemon.platforms.xai.numbers import PhoneNumbers, SipAuth
from daemon.sandbox.numbers import NO_PERMISSION, SOLD_IN_THE_CONSOLE
from daemon.sandbox.rest import Answer, Asked, Fault, Scripted, transport
from daemon.sandbox.switchboard import Switchboard
from tests.contract import complaints
from tests.numbers.doom import Doom, Killed

NUMBER = "+18005550199"
URL = "https://calls.example.org/xai/sip-webhook"
PASSWORD = "sip-password-nobody-sees"
BY_ADDRESS = SipAuth(allowed_addresses=("54.172.60.0/30",))
BY_DIGEST = SipAuth(auth_username="desk")


class World:
    """A platform, and a state directory that outlives our process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.board = Switchboard("k")
        self.platform = Scripted(self._desk)
        self.shown = ""
        """The SIP password as the operator saw it last."""

    def _desk(self, asked: Asked) -> Answer:
        return Answer(*self.board.rest(asked.method, asked.path, asked.headers, asked.body))

    @property
    def shelf(self) -> Shelf:
        return Shelf(Files(self.folder), NUMBER)

    def registrar(self, doom: Doom) -> Registrar:
        client = httpx.AsyncClient(
            base_url="https://rest.test",
            transport=transport(doom.over(self.platform)),
            headers={"authorization": "Bearer k"},
        )
        return Registrar(PhoneNumbers(client), self.shelf)

    async def register(self, doom: Doom | None = None, sip: SipAuth = BY_ADDRESS, url: str = URL) -> Record:
        doom = doom or Doom()
        with doom.files():
            record = await self.registrar(doom).register(self.fresh(sip, url))
            self.shown = record.sip_password or self.shown
            self.registrar(doom).told(record)
        return record

    async def rotate(self, doom: Doom | None = None) -> Record:
        doom = doom or Doom()
        with doom.files():
            record = await self.registrar(doom).rotate(None, None, "")
            self.registrar(doom).told(record)
        return record

    async def delete(self, doom: Doom | None = None) -> bool:
        doom = doom or Doom()
        with doom.files():
            return await self.registrar(doom).delete(NUMBER)

    def fresh(self, sip: SipAuth = BY_ADDRESS, url: str = URL) -> Record:
        base = SecretPlace(path=str(self.folder / f"{NUMBER}.whsec"))
        return Record(
            wanted=Wanted(number=NUMBER, name="Desk", webhook_url=url, sip=sip),
            phase="creating",
            base=base,
            generation=free_generation(base),
            sip_password=PASSWORD if sip.auth_username else "",
        )

    def secret(self, record: Record, generation: int | None = None) -> str:
        place = record.base.numbered(generation or record.generation)
        return Path(place.path).read_text().strip()

    def assert_right(self, record: Record) -> None:
        """One registration, its secret in its place, and no other trace."""
        assert record.phase == "registered"
        (listed,) = self.board.numbers.listed.values()
        assert listed["phoneNumberId"] == record.number_id
        assert self.secret(record) == self.board.numbers.secrets[NUMBER]
        assert Path(record.place.path).stat().st_mode & 0o777 == 0o600
        (asked,) = [self.board.numbers.asked[record.number_id]]
        if record.wanted.sip.auth_username:
            assert asked["sip_auth"]["auth_password"] == self.shown
        names = {path.name for path in self.folder.iterdir()}
        assert not [name for name in names if "answer" in name or "trial" in name]
        kept = self.shelf.load()
        assert kept is not None
        assert (kept.phase, kept.told, kept.sip_password) == ("registered", True, "")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_register(world: World) -> None:
    record = await world.register()
    world.assert_right(record)
    assert record.sip_uri == f"sip:{NUMBER}@sip.voice.x.ai;transport=tls"
    assert record.references == (f"${{file:{world.folder}/{NUMBER}.whsec}}",)
    (sent,) = [asked.json for asked in world.platform.asked if asked.method == "POST"]
    assert complaints("rest", "phone_number.create.request", sent) == []
    assert sent["origin"] == "byo_trunk"
    assert sent["webhook"] == {"name": "callwarden", "url": URL}
    assert sent["sip_auth"] == {"allowed_addresses": ["54.172.60.0/30"]}


async def test_the_answer_is_kept_before_it_is_read(world: World) -> None:
    """What can't be read may be read by somebody else, or by a later version; it is never thrown away."""
    strange = b'{"ok": true, "hint": "see console"}'
    world.platform.faults = [None, Answer(201, json.loads(strange))]
    with pytest.raises(Unreadable, match="kept in") as stopped:
        await world.register()
    kept = world.shelf.answer_path(1)
    assert str(kept) in str(stopped.value)
    assert json.loads(kept.read_bytes()) == json.loads(strange)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "whsec" not in str(stopped.value)
    # Somebody mends it: the same command goes on from there, without another request to register.
    kept.write_text(json.dumps({"phoneNumber": {"phoneNumberId": "pn-9"}, "webhook": {"signingSecret": "whsec_abc"}}))
    record = await world.register()
    assert world.secret(record) == "whsec_abc"
    assert len([asked for asked in world.platform.asked if asked.method == "POST"]) == 1


async def test_a_secret_that_is_nowhere_in_the_answer_is_rotated(world: World) -> None:
    await world.registrar(Doom()).register(world.fresh())
    (listed,) = world.board.numbers.listed
    world.shelf.keep_answer(1, b"{}")
    world.shelf.save(Record(wanted=world.fresh().wanted, phase="answered", sent=True, base=world.fresh().base))
    record = await world.rotate()
    world.assert_right(record)
    assert record.number_id != listed
    assert (record.generation, record.retired) == (2, ())


async def test_registering_again_changes_nothing(world: World) -> None:
    first = await world.register()
    before = len(world.platform.asked)
    again = await world.register()
    assert again.number_id == first.number_id
    assert [asked.method for asked in world.platform.asked[before:]] == ["GET"]


async def test_a_number_that_was_deleted_elsewhere_is_registered_anew(world: World) -> None:
    first = await world.register()
    await world.registrar(Doom())._platform.delete(first.number_id)
    second = await world.register()
    world.assert_right(second)
    assert second.place.path.endswith(f"{NUMBER}-2.whsec")
    assert world.secret(first)


async def test_rotation_keeps_the_old_secret(world: World) -> None:
    first = await world.register()
    old = world.secret(first)
    second = await world.rotate()
    world.assert_right(second)
    assert world.secret(second) != old
    assert world.secret(first) == old
    assert second.references == (second.place.reference, first.place.reference)
    third = await world.rotate()
    assert third.retired == (2, 1)


async def test_delete(world: World) -> None:
    await world.register()
    assert await world.delete()
    assert world.board.numbers.listed == {}
    assert world.shelf.load() is None
    assert not await world.delete()


async def test_a_number_registered_elsewhere(world: World) -> None:
    world.board.numbers._register({"origin": "byo_trunk", "phone_number": NUMBER})
    with pytest.raises(SetupStopped, match="numbers rotate"):
        await world.register()
    assert world.shelf.load() is None
    with pytest.raises(SetupStopped, match="--webhook"):
        await world.rotate()
    fresh = world.fresh()
    adopted = Record(wanted=fresh.wanted, phase="registered", base=fresh.base, generation=0, told=True)
    record = await world.registrar(Doom()).rotate(adopted, None, "")
    assert world.secret(record) == world.board.numbers.secrets[NUMBER]
    assert record.retired == ()


async def test_deleting_and_rotating_what_is_not_from_here(world: World) -> None:
    world.board.numbers.answer("POST", None, {"origin": "byo_trunk", "phone_number": NUMBER})
    assert await world.delete()
    assert world.board.numbers.listed == {}
    await world.register()
    await world.registrar(Doom())._platform.delete(next(iter(world.board.numbers.listed)))
    with pytest.raises(SetupStopped, match="numbers register"):
        await world.rotate()


async def test_a_deletion_that_was_broken_off_is_turned_into_a_rotation(world: World) -> None:
    record = await world.register()
    world.shelf.save(replace(record, phase="removing", told=True))
    world.assert_right(await world.rotate())


async def test_a_kept_answer_that_somebody_has_removed(world: World) -> None:
    await world.registrar(Doom()).register(world.fresh())
    world.shelf.save(replace(world.fresh(), phase="answered", sent=True, generation=1))
    record = await world.register()
    assert record.number_id == "pn-3"
    world.assert_right(record)


async def test_an_answer_without_an_id(world: World) -> None:
    """The id is looked up, because a deletion needs it; a number that has none can't be deleted from here."""
    secret = "whsec_" + "c2VjcmV0" * 5
    listed = Answer(200, {"phoneNumbers": [{"phoneNumber": NUMBER, "phoneNumberId": "pn-9"}]})
    world.platform.faults = [None, Answer(200, {"webhook": {"dispatchSigningSecret": secret}}), listed]
    assert (await world.register()).number_id == "pn-9"
    nameless = Answer(200, {"phoneNumbers": [{"phoneNumber": NUMBER}]})
    world.platform.faults = [nameless]
    with pytest.raises(SetupStopped, match="without an id"):
        await world.rotate()


REFUSALS = [
    (Answer(401, {"code": "Unauthenticated", "error": "Incorrect API key provided."}), "API key is not accepted"),
    (Answer(403, {"code": NO_PERMISSION, "error": SOLD_IN_THE_CONSOLE}), "console only"),
    (
        Answer(403, {"code": NO_PERMISSION, "error": "Team is not authorized to perform this action"}),
        "ask the platform",
    ),
    (Answer(409, {"code": "Conflict", "error": "already connected through Direct SIP"}), "another team"),
    (Answer(422, {"code": "Unprocessable", "error": "unknown field `sip_auth`"}), "unknown field `sip_auth`"),
    (Answer(400, {"error": f"bad password {PASSWORD}"}), r"bad password \*\*\*\*"),
    (Answer(418, "a teapot"), "HTTP 418"),
]


@pytest.mark.parametrize(("answer", "said"), REFUSALS, ids=lambda value: str(getattr(value, "status", "")))
async def test_a_refused_registration_leaves_nothing_behind(world: World, answer: Answer, said: str) -> None:
    world.platform.faults = [None, answer]
    with pytest.raises(SetupStopped, match=said) as stopped:
        await world.register(sip=BY_DIGEST)
    assert PASSWORD not in str(stopped.value)
    assert world.shelf.load() is None
    world.assert_right(await world.register(sip=BY_DIGEST))


@pytest.mark.parametrize(("answer", "said"), REFUSALS, ids=lambda value: str(getattr(value, "status", "")))
async def test_a_rotation_that_is_refused_half_way_goes_on(world: World, answer: Answer, said: str) -> None:
    await world.register()
    world.platform.faults = [None, None, None, answer]
    with pytest.raises(SetupStopped, match="NOT REGISTERED NOW"):
        await world.rotate()
    assert world.board.numbers.listed == {}
    world.assert_right(await world.rotate())


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.CUT, Fault.CUT_AFTER, Answer(500), Answer(503), Answer(429)])
@pytest.mark.parametrize("place", [0, 1])
async def test_one_fault_is_got_over(
    world: World, fault: Fault | Answer, place: int, autojump_clock: MockClock
) -> None:
    world.platform.faults = [*[None] * place, fault]
    world.assert_right(await world.register())


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.CUT_AFTER, Answer(500)])
@pytest.mark.parametrize("place", range(5))
async def test_one_fault_in_a_rotation_is_got_over(
    world: World, fault: Fault | Answer, place: int, autojump_clock: MockClock
) -> None:
    await world.register()
    world.platform.faults = [*[None] * place, fault]
    world.assert_right(await world.rotate())


async def test_retry_after_is_honoured_within_reason(world: World, autojump_clock: MockClock) -> None:
    world.platform.faults = [None, Answer(429, headers={"retry-after": "30"})]
    await world.register()
    assert autojump_clock.current_time() == pytest.approx(30, abs=1)
    world.platform.faults = [Answer(429, headers={"retry-after": "3600"})]
    with pytest.raises(PlatformUnavailable):
        await world.rotate()


async def test_a_platform_that_is_down_is_given_up(world: World, autojump_clock: MockClock) -> None:
    world.platform.faults = [None, *[Answer(503)] * 20]
    with pytest.raises(PlatformUnavailable):
        await world.register()
    world.platform.faults = []
    world.assert_right(await world.register())


async def test_a_list_that_is_behind_is_waited_for(world: World, autojump_clock: MockClock) -> None:
    """After the deletion, the number is still listed for a while; it must not be taken for somebody else's."""
    first = await world.register()
    stale = Answer(200, {"phoneNumbers": [dict(world.board.numbers.listed[first.number_id])]})
    world.platform.faults = [None, None, stale]
    world.assert_right(await world.rotate())
    stale = Answer(200, {"phoneNumbers": [dict(next(iter(world.board.numbers.listed.values())))]})
    world.platform.faults = [None, None, None, Fault.CUT_AFTER, stale]
    world.assert_right(await world.rotate())


async def test_a_place_that_is_taken_stops_before_anything_is_asked(world: World) -> None:
    await world.register()
    write_private(world.folder / f"{NUMBER}-2.whsec", b"precious")
    with pytest.raises(SetupStopped, match="there already"):
        await world.rotate()
    assert len(world.board.numbers.listed) == 1
    assert "DELETE" not in {asked.method for asked in world.platform.asked}


async def test_a_broken_off_registration_takes_new_wishes(world: World) -> None:
    with pytest.raises(Killed):
        await world.register(Doom(7))
    record = await world.register(url="https://other.example.org/hook")
    assert record.wanted.webhook_url == "https://other.example.org/hook"
    world.assert_right(record)


async def steps_of(world: World, work: str) -> int:
    doom = Doom()
    await getattr(world, work)(doom)
    return doom.steps


async def test_killed_at_every_step_of_a_registration(tmp_path: Path) -> None:
    total = await steps_of(World(tmp_path / "whole"), "register")
    assert total > 20
    for at in range(1, total + 1):
        world = World(tmp_path / str(at))
        with pytest.raises(Killed):
            await world.register(Doom(at), sip=BY_DIGEST)
        world.assert_right(await world.register(sip=BY_DIGEST))


async def test_killed_at_every_step_of_a_rotation(tmp_path: Path) -> None:
    whole = World(tmp_path / "whole")
    await whole.register()
    total = await steps_of(whole, "rotate")
    assert total > 20
    for at in range(1, total + 1):
        world = World(tmp_path / str(at))
        old = world.secret(await world.register())
        with pytest.raises(Killed):
            await world.rotate(Doom(at))
        record = await world.rotate()
        world.assert_right(record)
        assert world.secret(record) != old
        olds = [world.secret(record, generation) for generation in record.retired]
        assert old in olds


async def test_killed_at_every_step_of_a_deletion(tmp_path: Path) -> None:
    whole = World(tmp_path / "whole")
    await whole.register()
    total = await steps_of(whole, "delete")
    for at in range(1, total + 1):
        world = World(tmp_path / str(at))
        await world.register()
        with pytest.raises(Killed):
            await world.delete(Doom(at))
        await world.delete()
        assert world.board.numbers.listed == {}
        assert world.shelf.load() is None
        # And whoever wants it after all gets it.
        world = World(tmp_path / f"{at}-after-all")
        await world.register()
        with pytest.raises(Killed):
            await world.delete(Doom(at))
        world.assert_right(await world.register())


@pytest.mark.exhaustive
async def test_killed_twice(tmp_path: Path) -> None:
    whole = World(tmp_path / "whole")
    total = await steps_of(whole, "register") + 10
    rotation = await steps_of(whole, "rotate") + 10
    for work, steps in (("register", total), ("rotate", rotation)):
        for first in range(1, steps):
            for second in range(1, steps, 3):
                world = World(tmp_path / f"{work}-{first}-{second}")
                if work == "rotate":
                    await world.register()
                for at in (first, second):
                    with suppress(Killed):
                        await getattr(world, work)(Doom(at))
                world.assert_right(await getattr(world, work)())


async def test_a_secret_that_cannot_be_stored_is_not_lost(world: World) -> None:
    """The folder of the secret's file goes away between the check and the answer: put it back, and go on."""
    fresh = world.fresh()
    vault = world.folder / "vault"
    place = SecretPlace(path=str(vault / "secret"))
    record = Record(wanted=fresh.wanted, phase="creating", base=place)
    doom = Doom()

    def vanish(asked: Asked) -> Answer | Fault:
        given = world.platform(asked)
        if asked.method == "POST":
            vault.rmdir()
            vault.write_text("in the way")
        return given

    client = httpx.AsyncClient(
        base_url="https://rest.test", transport=transport(vanish), headers={"authorization": "Bearer k"}
    )
    with pytest.raises(SetupStopped, match="vault"):
        await Registrar(PhoneNumbers(client), world.shelf).register(record)
    vault.unlink()
    done = await world.registrar(doom).register(record)
    assert Secret(world.secret(done)) == Secret(world.board.numbers.secrets[NUMBER])
