"""The house rules, held from the syntax tree: floors, owners, names, sizes."""

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "daemon"
MODULES = sorted(SOURCE.rglob("*.py"))

# Top to bottom; a room imports only from rooms further down, or from itself.
FLOORS = [
    "cli",
    "chat",
    "sandbox",
    "replay",
    "app",
    "operating",
    "control",
    "reload",
    "drain",
    "console",
    "operate",
    "web",
    "deliveries",
    "calls",
    "lookup",
    "tools",
    "numbers",
    "platforms",
    "carriers",
    "ledger",
    "config",
    "functions",
    "texts",
    "observe",
    "core",
]
GROUND = {"errors", ""}

# Who may open a nursery, and what lives in it.
NURSERY_OWNERS = {
    "cli/chat.py": "the sandbox's sockets",
    "chat/platform.py": "one line's listener and caller",
    "chat/talk.py": "keyboard and signals",
    "app.py": "the calls and what they owe",
    "operating.py": "what operates the daemon; its server",
    "drain.py": "the wait of a drain",
    "calls/attending.py": "one call's lookup, transfers and tools",
    "calls/collector.py": "the debts",
    "calls/recovery.py": "orders from other nodes",
    "calls/talking.py": "one socket's writer and timer",
    "calls/supervisor.py": "the calls",
    "deliveries/sender.py": "the deliveries on their way",
    "ledger/open.py": "what keeps the ledger",
    "observe/eventfile.py": "the writer of the events file",
    "platforms/xai/__init__.py": "the ears",
    "observe/recorder.py": "the writer of recordings",
    "platforms/xai/realtime.py": "one socket's reader and ping",
    "web/connection.py": "one connection's request",
    "web/serve.py": "the connections",
    "sandbox/daemon_process.py": "the child's output and exit",
    "sandbox/memory.py": "one socket in memory",
    "sandbox/rehearsal/playing.py": "the daemon of one rehearsed call",
    "sandbox/rest.py": "the server of one REST stand-in",
    "sandbox/server.py": "the server; one socket",
    "sandbox/session.py": "caller, model and keypad of one call",
    "sandbox/switchboard.py": "one leg",
}
SHIELDS = {
    "app.py": 1,  # the last attempts to pay what is owed
    "ledger/open.py": 1,  # what happened last, and that we are gone
    "calls/attending.py": 1,  # settling: the hang-up
    "platforms/xai/realtime.py": 2,  # one frame; the close
    "observe/tracing.py": 1,  # the last spans
    "web/applications.py": 1,  # the application's send
    "sandbox/daemon_process.py": 1,  # ending the child
}


def by_module(rule: Callable[[Path], None]) -> Callable[[], None]:
    """Hold a rule against every module, in one test that names all that break it."""

    def test() -> None:
        broken = []
        for path in MODULES:
            try:
                rule(path)
            except AssertionError as error:
                broken.append(f"{path.relative_to(ROOT)}: {error}")
        assert not broken, "\n".join(broken)

    test.__doc__ = rule.__doc__
    return test


def room(path: Path) -> str:
    """The room a module belongs to; app.py is a room of its own."""
    parts = path.relative_to(SOURCE).parts
    return parts[0].removesuffix(".py").replace("__init__", "").replace("__main__", "cli")


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text())))


@cache
def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def calls(path: Path, name: str) -> list[ast.Call]:
    return [
        node
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) == name
    ]


def keywords(call: ast.Call) -> set[str | None]:
    return {keyword.arg for keyword in call.keywords}


@by_module
def test_imports_run_downwards(path: Path) -> None:
    mine = room(path)
    allowed = GROUND if mine in GROUND else {*FLOORS[FLOORS.index(mine) :], *GROUND}
    used = {name.split(".")[1] for name in imports(path) if name.startswith("daemon.")}
    assert used <= allowed | {"__version__"}, f"{mine} may not import {used - allowed}"


def test_every_room_has_its_floor() -> None:
    assert {room(path) for path in MODULES} == {*FLOORS, *GROUND}


def test_web_and_operate_see_no_call_inside() -> None:
    for path in [*(SOURCE / "web").rglob("*.py"), *(SOURCE / "operate").rglob("*.py")]:
        inside = {name for name in imports(path) if name.startswith("daemon.calls.") and "admission" not in name}
        assert not inside, f"{path} imports {inside}"


def test_calls_know_no_platform_by_name() -> None:
    for path in (SOURCE / "calls").rglob("*.py"):
        assert not {name for name in imports(path) if name.startswith("daemon.platforms.xai")}, path


@by_module
def test_core_does_no_io_and_reads_no_clock(path: Path) -> None:
    if room(path) != "core":
        return
    forbidden = {"trio", "time", "datetime", "socket", "random", "os", "pathlib", "structlog", "logging"}
    assert not {name.split(".")[0] for name in imports(path)} & forbidden


@by_module
def test_trio_only_and_by_its_public_names(path: Path) -> None:
    names = imports(path)
    assert not {name for name in names if name.split(".")[0] in ("asyncio", "anyio")}
    private = {
        node.attr
        for node in nodes(path)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("trio", "trio_websocket")
        and node.attr.startswith("_")
    }
    assert not private
    assert not {name for name in names if name.startswith("trio") and "._" in name}


@by_module
def test_nurseries_have_known_owners(path: Path) -> None:
    name = str(path.relative_to(SOURCE))
    assert name in NURSERY_OWNERS or not calls(path, "open_nursery"), f"{name} opens a nursery; who owns it?"


@by_module
def test_every_task_has_a_name_and_every_cancel_a_reason(path: Path) -> None:
    awaited = {node.value for node in nodes(path) if isinstance(node, ast.Await)}
    started = [call for call in calls(path, "start") if any(ast.dump(call) == ast.dump(other) for other in awaited)]
    for call in [*calls(path, "start_soon"), *started]:
        assert "name" in keywords(call), f"line {call.lineno}"
    for call in calls(path, "cancel"):
        assert "reason" in keywords(call), f"line {call.lineno}"


@by_module
def test_shields_are_few_and_timed(path: Path) -> None:
    shields = [call for name in ("move_on_after", "fail_after", "CancelScope") for call in calls(path, name)]
    shields = [call for call in shields if "shield" in keywords(call)]
    assert len(shields) <= SHIELDS.get(str(path.relative_to(SOURCE)), 0)
    for call in shields:
        assert call.args or "deadline" in keywords(call), f"line {call.lineno}: a shield without a time limit"


@by_module
def test_no_catch_all(path: Path) -> None:
    for node in nodes(path):
        if isinstance(node, ast.TryStar):
            continue
        if isinstance(node, ast.Try):
            for handler in node.handlers:
                assert handler.type is not None, f"line {handler.lineno}: bare except"
                caught = ast.unparse(handler.type)
                reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(handler))
                assert "BaseException" not in caught or reraises, f"line {handler.lineno}: {caught} is swallowed"
                assert caught != "Exception", f"line {handler.lineno}: except Exception"


@by_module
def test_ignores_are_none(path: Path) -> None:
    text = path.read_text()
    assert "type: ignore" not in text
    assert "noqa" not in text
    assert "pragma: no cover" not in text


@by_module
def test_every_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert "TODO" not in docstring


@by_module
def test_modules_and_functions_fit_a_screen(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            length = (node.end_lineno or 0) - node.lineno + 1 - (docstring.count("\n") + 2 if docstring else 0)
            assert length <= 45, f"{node.name} has {length} lines"


@by_module
def test_every_module_has_its_test_file(path: Path) -> None:
    relative = path.relative_to(SOURCE)
    name = str(relative)
    if relative.name in ("__init__.py", "__main__.py") or name in RECORDS or name.startswith("core/events/"):
        return  # tests/core/test_events.py is one for all events
    folders = [part for part in relative.parts[:-1] if part != "xai"]
    test = ROOT / "tests" / COVERED_BY.get(name, str(Path(*folders) / f"test_{relative.name}"))
    assert test.exists(), f"{test.relative_to(ROOT)} is missing"


# Records and protocols only: what they are used for is tested where it is used.
RECORDS = {
    "config/costs.py",
    "errors.py",
    "functions/call.py",
    "calls/setting.py",
    "carriers/base.py",
    "config/agents.py",
    "config/destinations.py",
    "config/kinds.py",
    "config/ledger.py",
    "config/lookups.py",
    "cli/naming.py",
    "config/operator.py",
    "config/records.py",
    "config/searches.py",
    "config/tools.py",
    "config/wording.py",
    "core/agent.py",
    "core/commands.py",
    "core/deeds.py",
    "core/effects.py",
    "core/searches.py",
    "core/snapshots.py",
    "core/moves.py",
    "ledger/base.py",
    "ledger/news.py",
    "operate/desk.py",
    "platforms/base.py",
    "tools/base.py",
    "sandbox/rehearsal/records.py",
    "sandbox/script.py",
    "web/limits.py",
}
# Pieces that only make sense together are tested together.
COVERED_BY = {
    "ledger/accounts.py": "calls/test_accounting.py",  # who reads them
    "ledger/erasure.py": "cli/test_forgetting.py",  # the command is what it is for
    "calls/admission.py": "calls/test_supervisor.py",
    "observe/entries.py": "observe/test_log.py",
    "calls/screening.py": "calls/test_supervisor.py",
    "drain.py": "test_app.py",
    "ledger/migrations/env.py": "ledger/test_migrate.py",
    "ledger/migrations/versions/r0001_first.py": "ledger/test_schema.py",
    "console/visit.py": "console/test_app.py",
    "operate/endpoints.py": "operate/test_api.py",
    "operate/openapi.py": "operate/test_api.py",
    "operate/problems.py": "operate/test_api.py",
    "operating.py": "test_control.py",
    "reload.py": "test_control.py",
    "calls/talking.py": "calls/test_attending.py",
    "carriers/plivo_account.py": "carriers/test_plivo.py",
    "carriers/telnyx_account.py": "carriers/test_telnyx.py",
    "carriers/twilio_account.py": "carriers/test_twilio.py",
    "cli/carrying.py": "cli/test_carrier.py",
    "cli/check.py": "cli/test_check_and_run.py",
    "cli/configuration.py": "cli/test_check_and_run.py",
    "cli/listing.py": "cli/test_numbers.py",
    "cli/main.py": "cli/test_check_and_run.py",
    "cli/opening.py": "cli/test_calls.py",
    "cli/registering.py": "cli/test_numbers.py",
    "cli/completion.py": "cli/test_operating.py",
    "cli/drain.py": "cli/test_operating.py",
    "cli/manual.py": "cli/test_operating.py",
    "cli/rates.py": "cli/test_operating.py",
    "cli/reaching.py": "cli/test_operating.py",
    "cli/reload.py": "cli/test_operating.py",
    "cli/status.py": "cli/test_operating.py",
    "cli/top.py": "cli/test_operating.py",
    "cli/tree.py": "cli/test_operating.py",
    "cli/run.py": "cli/test_check_and_run.py",
    "cli/settingup.py": "cli/test_numbers.py",
    "numbers/delivery.py": "numbers/test_doctor.py",
    "numbers/record.py": "numbers/test_registration.py",
    "numbers/book.py": "numbers/test_routing.py",
    "core/answering.py": "core/test_trouble.py",
    "core/caller.py": "core/test_menu.py",
    "core/collection.py": "core/test_handset.py",
    "core/greeting.py": "core/test_conversation.py",
    "core/leaving.py": "core/test_goodbye.py",
    "sandbox/turn.py": "sandbox/test_session.py",
    "sandbox/daemon_process.py": "process/test_daemon_process.py",
    "sandbox/demo.py": "process/test_demo.py",
    "sandbox/plivo.py": "carriers/test_published.py",
    "sandbox/telnyx.py": "carriers/test_published.py",
    "sandbox/twilio.py": "carriers/test_published.py",
    "web/answers.py": "web/test_webhook.py",
    "web/connection.py": "web/test_serve.py",
    "web/health.py": "web/test_webhook.py",
    "web/ingress.py": "web/test_webhook.py",
    "web/plain.py": "web/test_webhook.py",
    "web/protocol.py": "web/test_attacks.py",
}


def test_no_junk_drawers() -> None:
    junk = {"utils", "helpers", "common", "manager", "misc"}
    assert not {path.stem for path in MODULES} & junk
