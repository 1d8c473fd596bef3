"""The installed service under a real systemd, 252 and 257, with callers on the line.

Skipped, and said so, where no machine can be booted. `make test-systemd` runs it.
"""

import re
import sys

import httpx
import pytest
import trio

from daemon.sandbox.script import Leave, Script, Wait
from daemon.sandbox.switchboard import SandboxCall
from tests.configured import API_KEY
from tests.process.nodes import present, until
from tests.systemd.machine import Machine
from tests.systemd.scene import CREDENTIALS, DOOR, STAYS, scene

pytestmark = pytest.mark.systemd


async def test_the_package_starts_nothing_and_says_what_to_do(machine: Machine) -> None:
    assert "not started yet" in machine.installing
    for unit in ("callwarden.socket", "callwarden.service"):
        assert await machine.show(unit, "ActiveState") == "inactive"
        assert await machine.show(unit, "UnitFileState") == "disabled"
    assert await machine.must("callwarden --version") == "callwarden, version 0.1.0"
    assert "callwarden-operators" in await machine.must("getent group callwarden-operators")
    assert await machine.must("stat -c '%a %U' /etc/callwarden/credentials") == "700 root"
    assert "SIGTERM" in await machine.must("zcat /usr/share/man/man1/callwarden.1.gz")
    secrets = "printf key > xai-api-key; printf whsec_%s $(head -c 32 /dev/zero | base64) > xai-webhook-secret"
    checked = "CREDENTIALS_DIRECTORY=. callwarden check --config /etc/callwarden/config.toml"
    assert "good" in await machine.must(f"cd $(mktemp -d); {secrets}; {checked}")
    assert "_CALLWARDEN_COMPLETE" in await machine.must("cat /usr/share/bash-completion/completions/callwarden")
    newer = "callwarden.service.d" in await machine.must("ls /usr/lib/systemd/system")
    assert newer == (machine.systemd >= 254)


async def test_systemd_approves_of_the_units(machine: Machine) -> None:
    units = "callwarden.service callwarden@blue.service callwarden.socket callwarden-control.socket"
    code, said = await machine.do(f"systemd-analyze verify --man=no {units}")
    assert (code, said) == (0, "")
    for service in ("callwarden.service", "callwarden@blue.service"):
        await machine.must(f"systemd-analyze security --no-pager --threshold=12 {service}")


async def test_an_announced_call_starts_the_service(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        await machine.must("systemctl start callwarden.socket")
        assert await machine.show("callwarden", "ActiveState") == "inactive"
        (call,) = await world.ring()
        assert await machine.show("callwarden", "ActiveState") == "active"
        await machine.until("callwarden", "StatusText", "^ready, 1 call$")
        lines = (await machine.must(f"journalctl -u callwarden -o cat CALL_ID={call.id}")).splitlines()
        assert lines
        assert all(call.id in line for line in lines)
        call.end("caller")
        await until(lambda: world.ledger() == {call.id: "caller_left"}, 5, "the receipt is written")
        await machine.until("callwarden", "StatusText", "^ready, 0 calls$")


async def test_a_configuration_that_cannot_be_used_is_not_tried_again(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure("agents.support voice = 5")
        code, _ = await machine.do("systemctl start callwarden")
        assert code != 0
        assert await machine.show("callwarden", "ExecMainStatus") == "78"
        assert await machine.show("callwarden", "StatusErrno") == "22"
        assert "[agents.support] voice" in await machine.show("callwarden", "StatusText")
        await trio.sleep(2)
        assert await machine.show("callwarden", "NRestarts") == "0"
        assert await machine.show("callwarden", "ActiveState") == "failed"


async def test_nor_for_whoever_waits_at_the_door(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure("agents.support voice = 5")
        await machine.must("systemctl start callwarden.socket")
        with pytest.raises(httpx.TransportError):  # sent away, and to another node where there is one
            await world.deliver(world.board.place(STAYS))
        await machine.until("callwarden.socket", "ActiveState", "^inactive$")
        await trio.sleep(3)
        assert machine.log().count("expected a string") == 1
        assert await machine.show("callwarden", "ActiveState") == "failed"
        # Nor for who looks what is wrong.
        assert (await machine.do("callwarden status"))[0] == 3
        assert machine.log().count("expected a string") == 1

        world.configure()
        await machine.must("systemctl start callwarden")
        assert await machine.show("callwarden.socket", "ActiveState") == "active"
        await world.ring()


async def test_a_bad_configuration_of_one_instance_closes_no_door(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        await machine.must("systemctl start callwarden.socket callwarden@blue")
        world.configure("agents.support voice = 5")
        code, _ = await machine.do("systemctl start callwarden@green")
        assert code != 0
        await trio.sleep(1)
        assert await machine.show("callwarden.socket", "ActiveState") == "active"
        await world.ring()


async def test_a_drain_by_hand_is_an_end(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        machine.drop_in("callwarden.service", "[Service]\nTimeoutStopSec=3\n")
        await machine.must("systemctl start callwarden")
        (call,) = await world.ring(1, Script(steps=(Wait(7), Leave()), seconds_per_word=0.01))
        code, said = await machine.do("callwarden drain")
        assert (code, said.splitlines()[-1]) == (0, "the daemon has ended"), said
        assert call.ended_by == "caller"
        await machine.until("callwarden", "ActiveState", "^inactive$")
        assert (await machine.do("callwarden status"))[0] == 3
        assert await machine.show("callwarden", "ActiveState") == "inactive"
        await world.ring()  # the door is another matter
        await machine.must("systemctl stop callwarden.socket; callwarden drain --now")
        with pytest.raises(httpx.ConnectError):
            await world.deliver(world.board.place(STAYS))
        assert await machine.show("callwarden", "ActiveState") == "inactive"


async def test_what_systemd_has_begun_is_not_called_off(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure('drain lame_duck = "4s"')
        await machine.must("systemctl start callwarden")
        (call,) = await world.ring(1, Script(steps=(Wait(6), Leave()), seconds_per_word=0.01))
        await machine.must("systemctl --no-block stop callwarden")
        await machine.until("callwarden", "StatusText", "^draining")
        # It would be killed before long, with the caller on the line.
        code, said = await machine.do("callwarden resume")
        assert (code, "too late to resume" in said) == (1, True), said
        await machine.until("callwarden", "ActiveState", "^inactive$")
        assert await machine.show("callwarden", "Result") == "success"
        assert call.ended_by == "caller"


async def test_a_hung_daemon_is_restarted_and_its_callers_are_taken_over(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        machine.drop_in("callwarden.service", "[Service]\nWatchdogSec=3\n")
        await machine.must("systemctl start callwarden")
        calls = await world.ring(5)
        await trio.sleep(4)  # fed until now
        assert await machine.show("callwarden", "NRestarts") == "0"
        pid = await machine.show("callwarden", "MainPID")
        await machine.must(f"kill -STOP {pid}")
        began = trio.current_time()
        await machine.until("callwarden", "NRestarts", "^1$")
        await until(lambda: all(call.joins == 2 and present(call) for call in calls), 15, "all are taken over")
        seconds = trio.current_time() - began
        assert await machine.show("callwarden", "MainPID") != pid
        log = machine.log()
        assert "Watchdog timeout" in log
        assert "Fatal Python error: Aborted" in log  # with every thread's stack
        assert "in run_daemon" in log or "most recent call first" in log
        assert {call.most_sockets for call in calls} <= {1, 2}
        for call in calls:
            call.end("caller")
        await until(lambda: set(world.ledger().values()) == {"caller_left"}, 5, "every call has its receipt")
    sys.stdout.write(f"\n{machine.suite}: hung, restarted, 5 calls taken over after {seconds:.1f} s\n")


async def test_a_killed_daemon_is_restarted_and_loses_no_call(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        await machine.must("systemctl start callwarden.socket callwarden")
        calls = await world.ring(10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.keep_ringing, 0.1)
            began = trio.current_time()
            await machine.must("systemctl kill --signal=KILL callwarden")
            await until(lambda: all(call.joins == 2 and present(call) for call in calls), 15, "all are taken over")
            seconds = trio.current_time() - began
            await trio.sleep(1)
            nursery.cancel_scope.cancel()
        assert {call.hang_ups for call in calls} == {0}
        # A connection that was accepted and not answered yet is lost with its process; the sender tries again.
        assert len(world.failures) <= 2, world.failures
    sys.stdout.write(f"\n{machine.suite}: killed, 10 calls taken over after {seconds:.1f} s, {world.failures}\n")


async def test_stopping_waits_for_calls_however_short_systemds_patience(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        machine.drop_in("callwarden.service", "[Service]\nTimeoutStopSec=3\n")
        await machine.must("systemctl start callwarden")
        leaving = Script(steps=(Wait(9), Leave()), seconds_per_word=0.01)
        (call,) = await world.ring(1, leaving)
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(machine.must, "systemctl stop callwarden")
            await machine.until("callwarden", "StatusText", "^draining, 1 call left$")
        assert trio.current_time() - began > 6
        assert await machine.show("callwarden", "Result") == "success"
        assert call.ended_by == "caller"
        assert world.ledger() == {call.id: "caller_left"}


async def test_a_second_signal_ends_the_wait(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        await machine.must("systemctl start callwarden")
        calls = await world.ring(3)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(machine.must, "systemctl stop callwarden")
            await machine.until("callwarden", "StatusText", "^draining, 3 calls left$")
            await machine.must("systemctl kill --signal=TERM --kill-whom=main callwarden")
        assert {call.ended_by for call in calls} == {"hangup"}
        assert set(world.ledger().values()) == {"hung_up"}


async def test_restarting_without_a_hand_over_waits_and_turns_nobody_away(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        await machine.must("systemctl start callwarden.socket callwarden")
        (call,) = await world.ring(1, Script(steps=(Wait(3), Leave()), seconds_per_word=0.01))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(machine.must, "systemctl restart callwarden")
            await machine.until("callwarden", "StatusText", "draining")
            # The door is the socket unit's: whoever rings meanwhile waits in it.
            (waited,) = await world.ring(1)
        assert call.ended_by == "caller"
        assert waited.joins == 1
        assert not waited.over.is_set()


async def test_restarting_hands_calls_over_and_turns_nobody_away(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure('recovery handover = "rejoin"')
        await machine.must("systemctl start callwarden.socket callwarden")
        calls = await world.ring(10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.keep_ringing, 0.05)
            began = trio.current_time()
            await machine.must("systemctl restart callwarden")
            await until(lambda: all(present(call) for call in calls), 10, "all are taken over")
            seconds = trio.current_time() - began
            await trio.sleep(1)
            nursery.cancel_scope.cancel()
        assert await machine.show("callwarden", "Result") == "success"
        assert world.failures == []
        assert {call.hang_ups for call in world.board.calls.values()} == {0}
        assert {call.over.is_set() for call in calls} == {False}
        assert {call.joins for call in calls} == {2, 3}  # one of them was tried first
        assert {call.most_sockets for call in calls} == {1}
        rung = len(world.board.calls) - len(calls)
    sys.stdout.write(
        f"\n{machine.suite}: 10 calls handed over in {seconds:.1f} s, {rung} webhooks meanwhile, none lost\n"
    )


async def test_calls_are_not_handed_over_to_a_configuration_that_cannot_be_used(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure('recovery handover = "rejoin"')
        await machine.must("systemctl start callwarden.socket callwarden")
        calls = await world.ring(2, Script(steps=(Wait(3), Leave()), seconds_per_word=0.01))
        world.configure('recovery handover = "rejoin"', "agents.support voice = 5")
        code, _ = await machine.do("systemctl restart callwarden")
        assert code != 0
        assert [(call.ended_by, call.joins) for call in calls] == [("caller", 1)] * 2
        (refused,) = world.logged("hand_over_refused")
        assert "[agents.support] voice" in refused["why"]


async def test_one_instance_takes_over_from_the_other(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure('recovery handover = "rejoin"')
        machine.drop_in("callwarden.socket", "[Socket]\nService=callwarden@blue.service\n")
        await machine.must("systemctl start callwarden.socket callwarden@blue")
        calls = await world.ring(5)
        await machine.must("systemctl start callwarden@green")
        # Told to make room, blue leaves its calls to whoever looks first: green, or the next blue.
        began = trio.current_time()
        await machine.must("systemctl restart callwarden@blue")
        await until(lambda: all(call.joins >= 2 and present(call) for call in calls), 15, "all are taken over")
        handed = trio.current_time() - began
        joins = {call.id: call.joins for call in calls}
        began = trio.current_time()
        for name in ("blue", "green"):
            await machine.must(f"systemctl kill --kill-whom=main --signal=KILL callwarden@{name}")
            await machine.until(f"callwarden@{name}", "NRestarts", "^1$")
            await machine.until(f"callwarden@{name}", "ActiveState", "^active$")
        await until(lambda: all(call.joins > joins[call.id] and present(call) for call in calls), 20, "and again")
        seconds = trio.current_time() - began
        assert {call.hang_ups for call in calls} == {0}
        for call in calls:
            call.end("caller")
        await until(lambda: set(world.ledger().values()) == {"caller_left"}, 10, "every call has its receipt")
    sys.stdout.write(
        f"\n{machine.suite}: blue to green in {handed:.1f} s; both killed, taken over within {seconds:.1f} s\n"
    )


async def test_two_instances_share_the_door(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        machine.drop_in("callwarden.socket", "[Socket]\nService=callwarden@blue.service\n")
        await machine.must("systemctl start callwarden.socket callwarden@blue")
        ringing = trio.CancelScope()

        async def keep_ringing() -> None:
            with ringing:
                await world.keep_ringing(0.02)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_ringing)
            for old, new in (("blue", "green"), ("green", "blue")) * 2:
                await machine.must(f"systemctl start callwarden@{new}")
                await machine.must(f"systemctl stop callwarden@{old}")
            await trio.sleep(0.5)
            ringing.cancel()
        assert world.failures == []
        assert {call.hang_ups for call in world.board.calls.values()} == {0}
        rung = len(world.board.calls)
        assert rung > 100
        assert await machine.show("callwarden@blue", "ActiveState") == "active"
        await until(lambda: None not in world.ledger().values(), 15, "every call has its receipt")
        assert set(world.ledger().values()) == {"caller_left"}
    sys.stdout.write(f"\n{machine.suite}: four changes between blue and green, {rung} webhooks, none lost\n")


async def test_credentials_of_the_folder_and_encrypted_ones(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure(secrets=("xai-webhook-secret",))
        folder = "/etc/callwarden/credentials.encrypted"
        await machine.must(
            f"mkdir -p {folder} && printf %s {API_KEY} | "
            f"systemd-creds encrypt --with-key=host --name=xai-api-key - {folder}/xai-api-key"
        )
        assert API_KEY not in await machine.must(f"cat {folder}/xai-api-key")
        machine.drop_in("callwarden.service", f"[Service]\nLoadCredentialEncrypted=xai-api-key:{folder}/xai-api-key\n")
        await machine.must("systemctl start callwarden.socket callwarden")
        await world.ring(1)  # signed with one of them, joined with the other
        pid = await machine.show("callwarden", "MainPID")
        environment = await machine.must(f"tr '\\0' '\\n' < /proc/{pid}/environ; tr '\\0' ' ' < /proc/{pid}/cmdline")
        assert API_KEY not in environment
        assert "CREDENTIALS_DIRECTORY=" in environment


PROBE = r"""
import ctypes, json, mmap, os, socket
from pathlib import Path

def attempt(what):
    try:
        what()
    except OSError as error:
        return error.strerror
    return "done"

libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

attempts = {
    "read the key": lambda: Path("/etc/callwarden/credentials/xai-api-key").read_text(),
    "list the keys": lambda: os.listdir("/etc/callwarden/credentials"),
    "read shadow": lambda: Path("/etc/shadow").read_text(),
    "look into root's home": lambda: Path("/root/secret").read_text(),
    "look into a home": lambda: Path("/home/ada/secret").read_text(),
    "change the configuration": lambda: Path("/etc/callwarden/config.toml").write_text("x"),
    "change the program": lambda: Path("/opt/callwarden/bin/callwarden").write_text("x"),
    "write beside": lambda: Path("/var/lib/other").write_text("x"),
    "write a sysctl": lambda: Path("/proc/sys/kernel/hostname").write_text("x"),
    "write into a cgroup": lambda: os.mkdir("/sys/fs/cgroup/x"),
    "read the machine's memory": lambda: open("/dev/mem", "rb"),
    "open a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "open a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "become root": lambda: os.setuid(0),
    "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "unshare": lambda: call("unshare", 0x10000000),
    "map executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "trace": lambda: call("ptrace", 16, 1, None, None),
    "use realtime scheduling": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "make a setuid file": lambda: (Path("/tmp/x").touch(), os.chmod("/tmp/x", 0o4755)),
    "write the ledger's folder": lambda: Path(os.environ["STATE_DIRECTORY"], "probe").write_text("x"),
    "write the run-time folder": lambda: Path(os.environ["RUNTIME_DIRECTORY"], "probe").write_text("x"),
    "read own credential": lambda: Path(os.environ["CREDENTIALS_DIRECTORY"], "callwarden_xai-api-key").read_text(),
    "write own credential": lambda: Path(os.environ["CREDENTIALS_DIRECTORY"], "callwarden_xai-api-key").write_text("x"),
}
result = {name: attempt(what) for name, what in attempts.items()}
result["processes"] = sorted(int(name) for name in os.listdir("/proc") if name.isdigit()) == [os.getpid()]
result["uid"] = os.getuid()
Path(os.environ["STATE_DIRECTORY"], "probed.json").write_text(json.dumps(result))
"""
ALLOWED = {"write the ledger's folder", "write the run-time folder", "read own credential"}


async def test_what_the_service_may_not_do(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        machine.write("/usr/local/lib/probe.py", PROBE)
        machine.write("/root/secret", "secret")
        machine.write("/home/ada/secret", "secret", 0o666)
        machine.drop_in(
            "callwarden.service", "[Service]\nExecStartPre=/opt/callwarden/bin/python3 /usr/local/lib/probe.py\n"
        )
        await machine.must("systemctl start callwarden")
        found = httpx.Response(200, text=await machine.must("cat /var/lib/callwarden/probed.json")).json()
        assert found.pop("uid") >= 61184  # dynamic
        assert found.pop("processes"), "it sees processes of others"
        assert {name for name, said in found.items() if said == "done"} == ALLOWED, found
        await world.ring(1)


async def test_who_may_use_the_control_socket(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        await machine.must("systemctl start callwarden")
        assert await machine.must("stat -c '%a %U %G' /run/callwarden/control.sock") == "660 root callwarden-operators"
        await machine.do("useradd ada; useradd --groups callwarden-operators olga")
        code, said = await machine.do("runuser -u ada -- callwarden status")
        assert (code, "permission denied" in said) == (3, True), said
        assert "ready" in await machine.must("runuser -u olga -- callwarden status")
        pause = "import httpx; httpx.Client(transport=httpx.HTTPTransport(uds='/run/callwarden/control.sock'))"
        pause += ".post('http://cw/v1/pause').raise_for_status()"
        await machine.must(f'runuser -u olga -- /opt/callwarden/bin/python3 -c "{pause}"')
        olga = int(await machine.must("id -u olga"))
        assert [line["uid"] for line in world.logged("operator")] == [olga]  # not nobody's
        await machine.until("callwarden", "StatusText", "^paused, 0 calls$")
        await machine.must("systemctl stop callwarden")
        # Or asking a stopped daemon for its status would start it.
        assert await machine.show("callwarden-control.socket", "ActiveState") == "inactive"
        assert (await machine.do("callwarden status"))[0] == 3
        assert await machine.show("callwarden", "ActiveState") == "inactive"


async def test_reloading_a_good_and_a_bad_configuration(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        await machine.must("systemctl start callwarden.socket callwarden")
        assert await machine.show("callwarden", "CanReload") == "yes"
        (call,) = await world.ring()
        world.configure('agents.support greeting = "Good day from the new file."')
        await machine.must("systemctl reload callwarden")
        (fresh,) = await world.ring()
        await until(lambda: bool(greeting(call) and greeting(fresh)), 5, "both are greeted")
        assert greeting(call) == "Thank you for calling. How can I help?"
        assert greeting(fresh) == "Good day from the new file."

        world.configure("agents.support voice = 5")
        code, _ = await machine.do("systemctl reload callwarden")
        assert code != 0
        assert await machine.show("callwarden", "ActiveState") == "active"
        assert "[agents.support] voice" in machine.log()
        await machine.until("callwarden", "StatusText", "^ready, 2 calls; reload refused: .*voice")
        assert present(call)
        (another,) = await world.ring()
        await until(lambda: greeting(another) == "Good day from the new file.", 5, "greeted as before")

        world.configure()
        await machine.must("systemctl reload callwarden")
        await machine.until("callwarden", "StatusText", "^ready, 3 calls$")
        assert await machine.show("callwarden", "NRestarts") == "0"


def greeting(call: SandboxCall) -> str:
    """What the caller was greeted with; empty before."""
    items = [
        frame for session in call.sessions for frame in session.heard if frame["type"] == "conversation.item.create"
    ]
    return str(items[0]["item"]["content"][0]["text"]) if items else ""


async def test_an_instance_is_reloaded_and_asked_by_its_own_socket(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        await machine.must("systemctl start callwarden.socket callwarden@blue callwarden@green")
        for name in ("blue", "green"):
            assert "ready" in await machine.must(f"callwarden status --socket /run/callwarden/{name}.sock")
            await machine.must(f"systemctl reload callwarden@{name}")
        await machine.must("systemctl stop callwarden@blue")
        assert "ready" in await machine.must("callwarden status --socket /run/callwarden/green.sock")


async def test_readiness_and_liveness(machine: Machine) -> None:
    async with scene(machine) as world:
        world.configure()
        await machine.must("systemctl start callwarden.socket callwarden")
        for path in ("/livez", "/readyz"):
            assert (await world.client.get(f"{DOOR}{path}")).status_code == 200
        assert re.search(r"exposure level.*: (0|1\.[0-2])", await machine.must("systemd-analyze security callwarden"))


def test_credentials_are_only_roots(machine: Machine) -> None:
    assert CREDENTIALS in machine.run(f"ls -d {CREDENTIALS}")
