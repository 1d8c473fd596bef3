"""Canaries are planted, everything is run, and every outlet is looked through: nothing found."""

import json
import signal
from pathlib import Path

import pytest
import trio

from daemon.sandbox.script import Leave, Press, Reply, Say, Script, Use, Wait
from daemon.sandbox.switchboard import SandboxCall
from tests.leaks import canaries
from tests.leaks.canaries import Channel
from tests.leaks.scene import ROOT, Scene, open_scene
from tests.process.nodes import present, until

pytestmark = pytest.mark.exhaustive

THINKS = Wait(1.5)
ASK = Reply(f"{canaries.ANSWERED} Type it.", tool="collect_digits", arguments='{"purpose": "card", "sensitive": true}')
USES = (
    Use("look_up", '{"order": "42"}'),
    Use("look_up", '{"order": "fails"}'),
    Use("look_up", '{"order": "refuses"}'),
    Use("look_up", json.dumps({"order": ["no", canaries.GIVEN]})),
    Use("breaks", json.dumps({"words": canaries.GIVEN})),
    Use("asks_back", json.dumps({"words": canaries.GIVEN})),
    Use("nothing_like_it", json.dumps({"words": canaries.GIVEN})),
)
PAYS = Script(
    steps=(
        Say(f"My name is {canaries.SAID}."),
        THINKS,
        Press(f"{canaries.CARD}#", gap=0.01),
        Say("More."),
        Say("Bye."),
    ),
    replies=(
        ASK,
        Reply(tool="pay", arguments='{"card": "entry-1"}'),
        Reply("Paid."),
        Reply(tools=USES),
        Reply("That did not work."),
        Reply("Goodbye.", tool="hang_up", arguments=json.dumps({"reason": f"{canaries.WHY} {canaries.SAID} is done"})),
    ),
    seconds_per_word=0.01,
    cues=(0, 1, 1),  # nobody types before the agent has asked, however busy the machine is
)
REPEATS = Script(
    steps=(Say("pay"), THINKS, Press(f"{canaries.CARD}#", gap=0.01), Wait(0.3), Leave()),
    replies=(ASK, Reply(tool="pay", arguments=json.dumps({"card": canaries.CARD})), Reply("Paid.")),
    seconds_per_word=0.01,
    cues=(0, 1, 1),
)
GOES_AWAY = Script(
    steps=(Say(f"{canaries.SAID}, please."), Wait(1.0), Leave()),
    replies=(Reply(tool="transfer", arguments='{"destination": "desk"}'), Reply("Sorry.")),
    seconds_per_word=0.01,
)
STAYS = Script(steps=(Say(f"I am {canaries.SAID}."),), replies=(Reply(canaries.ANSWERED),), seconds_per_word=0.01)

PATHS = ("/v1/status", "/v1/calls", "/v1/tree", "/metrics", "/openapi.json", f"/v1/calls/{canaries.STRANGER}")


@pytest.mark.parametrize(("form", "transcripts"), [("json", False), ("journal", True), ("console", False)])
async def test_nothing_leaks(tmp_path: Path, form: str, transcripts: bool) -> None:
    async with open_scene(tmp_path, form=form, transcripts=transcripts) as scene:
        await scene.start()
        _look_at_the_process(scene)
        over = [
            await scene.call(PAYS),
            await scene.call(REPEATS),
            await scene.call(GOES_AWAY, refer_refusals=[486, 403]),
        ]
        await scene.call(STAYS, join_refusals=[503, 401])
        await _until_over(over)
        await _strangers(scene)
        await _reload_badly(scene)
        await _reload_well(scene)
        live = await scene.call(STAYS)
        await until(lambda: present(live), 20, "it is answered")
        for path in PATHS:
            await scene.ask(path)
        await scene.ask(f"/v1/calls/{live.id}")
        scene.signal(signal.SIGUSR2)
        await scene.until_logged("webhook server")
        await trio.sleep(1.0)
        scene.signal(signal.SIGABRT)  # as the watchdog does
        assert await scene.ended() == -signal.SIGABRT
        _look_for_cores(tmp_path)
        await scene.start()
        await until(lambda: live.joins > 1, 20, "the next daemon goes on with it")
        await _operators_look(scene, over[0])
        live.end("caller")
        await trio.sleep(1.0)
        scene.signal(signal.SIGTERM)
        assert await scene.ended() == 0
        scene.gather()
    _judge(scene, transcripts=transcripts)


def _look_at_the_process(scene: Scene) -> None:
    """No secret is in the command line, there is no other process that could hold one, and no core will be written."""
    assert scene.process is not None
    process = Path(f"/proc/{scene.process.pid}")
    scene.channel("command line").add_files(process / "cmdline")
    children = "".join(task.read_text() for task in process.glob("task/*/children"))
    assert children == ""
    limit = next(line for line in (process / "limits").read_text().splitlines() if line.startswith("Max core file"))
    assert limit.split()[4:6] in (["1", "1"], ["0", "0"])


def _look_for_cores(*folders: Path) -> None:
    assert not [core for folder in (*folders, ROOT) for core in folder.glob("core*")], "a core was dumped"


async def _until_over(calls: list[SandboxCall]) -> None:
    with trio.fail_after(60):
        for call in calls:
            await call.over.wait()


async def _strangers(scene: Scene) -> None:
    """Somebody tries tokens and signatures, and says what they like."""
    for path in PATHS:
        assert (await scene.ask(path, token=canaries.STRANGER)).status_code == 401
    stream = await trio.open_tcp_stream(*scene.public.getsockname())
    head = f"POST /{canaries.STRANGER} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {canaries.STRANGER}\r\n"
    await stream.send_all(f"{head}X-{canaries.STRANGER}: {canaries.STRANGER}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    scene.channel("answers").add(await stream.receive_some(65536))
    await stream.send_all(f"{canaries.STRANGER}\r\n\r\n".encode())
    await trio.aclose_forcefully(stream)


async def _reload_badly(scene: Scene) -> None:
    """A configuration with secrets in wrong places is refused, without being repeated."""
    good = scene.config.read_text()
    wrong = good.replace("${env:CANARY_KEY}", canaries.API_KEY).replace("${credential:signing}", canaries.SIGNING)
    wrong += f'\n[destinations.other]\nuri = "sip:{canaries.STRANGER}@"\n'
    scene.config.write_text(wrong)
    scene.signal(signal.SIGHUP)
    await scene.until_logged("reload_refused")
    scene.config.write_text(good)


async def _reload_well(scene: Scene) -> None:
    """A secret is replaced by another one."""
    scene.config.write_text(scene.config.read_text().replace("Welcome.", "Welcome again."))
    scene.signal(signal.SIGHUP)
    await scene.until_logged("reloaded")


async def _operators_look(scene: Scene, call: SandboxCall) -> None:
    """Every command that prints what is known."""
    named = ("--config", str(scene.config))
    assert (await scene.type("check", *named, channel="commands")).returncode == 0
    assert (await scene.type("calls", "--json", *named, channel="operators")).returncode == 0
    assert (await scene.type("show", call.id, "--json", *named, channel="operators")).returncode == 0
    assert (await scene.type("ledger", "export", *named, channel="operators")).returncode == 0
    assert (await scene.type("ledger", "deliveries", *named, channel="operators")).returncode == 0
    assert (
        await scene.type("status", "--socket", str(scene.folder / "control.sock"), channel="commands")
    ).returncode == 0
    for command in (("man",), ("completion", "bash"), ("check", "--config", str(scene.folder / canaries.STRANGER[:5]))):
        await scene.type(*command, channel="commands")


LOGS = {"log", "journal", "metrics", "traces", "systemd", "commands", "command line"}
"""Where not even a whole number may be."""
FOR_WORDS = {"platform", "recordings", "events", "answers", "operators", "tool", "lookup"}


def _judge(scene: Scene, *, transcripts: bool) -> None:
    """Look through everything."""
    # Where a secret belongs: on the wire, to the one it is for.
    own = {"tool": ["token of a tool"], "lookup": ["token of the lookup"], "platform": ["token of an MCP server"]}
    # What tools were given and gave is kept whole, for the sake of a call that goes on after a crash: docs/privacy.md.
    words = {**dict.fromkeys(FOR_WORDS, canaries.WORDS), "ledger": (canaries.GIVEN, canaries.TOLD)}
    if transcripts:
        words |= {"ledger": canaries.WORDS, "deliveries": canaries.WORDS}
    problems = []
    for name, channel in scene.channels.items():
        if not channel.content and (name != "journal" or scene.form == "journal"):
            problems.append(f"{name}: nothing came")
        problems += [f"{name}: {secret}" for secret in channel.secrets() if secret not in own.get(name, [])]
        problems += [f"{name}: the word {word}" for word in channel.words() if word not in words.get(name, ())]
        if channel.has_card and name != "tool":
            problems.append(f"{name}: the card's digits")
        if channel.has_caller and name in LOGS:
            problems.append(f"{name}: the caller's whole number")
    assert not problems, "\n".join(problems)
    _believe_it(scene, transcripts=transcripts)


def _believe_it(scene: Scene, *, transcripts: bool) -> None:
    """What was looked for was there to be found."""
    assert scene.channel("tool").has_card
    assert set(canaries.WORDS) - {canaries.GIVEN} <= set(scene.channel("recordings").words())
    assert scene.channel("ledger").has_caller
    if transcripts:
        assert canaries.SAID in scene.channel("ledger").words()
        assert canaries.SAID in scene.channel("deliveries").words()
    for event in (b"tool_raised", b"library", b"transfer_failed", b"reload_refused", b"reloaded"):
        assert event in scene.logged, event


def test_a_canary_is_found_in_every_form() -> None:
    for name, secret in canaries.SECRETS.items():
        for form in canaries.forms(secret):
            channel = Channel("c")
            channel.add(b"<" + form + b">")
            assert name in channel.secrets()
