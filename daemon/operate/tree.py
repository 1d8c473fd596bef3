"""The live task tree: every task of the daemon, what it waits for in words, and what hangs on the calls among them.

Read from Trio's public introspection and from nothing else, so what is shown is what is. Names and words are ours: no
number, no word of a caller is in them, and the tree may be logged. Plain; owned by whoever asks. Imports core's
snapshots and Trio.
"""

from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import trio

import daemon
from daemon.core.snapshots import CallView, TaskView

_PACKAGE = str(Path(daemon.__file__).parent)

WAITS = {
    "app.run_daemon": "the daemon's end",
    "app.serve_calls": "the daemon's end",
    "drain.lame_duck": "somebody who wants a drain",
    "drain.drain": "the calls to end",
    "drain._unless": "calls to end",
    "calls.handover.hand_over": "pauses in the calls",
    "calls.handover._can_be_joined_again": "a call to be joined again",
    "web.serve.Server.over": "the last answers to be given",
    "drain.report": "a drain",
    "reload.Reloader.work": "somebody who wants a reload",
    "reload.Reloader.reload": "a reload",
    "reload.Reloader._load": "the configuration to be read",
    "operate.signals.watch_signals": "a signal",
    "operate.events.Following.__anext__": "events for a client",
    "calls.supervisor.Supervisor.run": "calls to begin and to end",
    "calls.supervisor.Supervisor.idle": "the calls to end",
    "calls.supervisor.Supervisor.gone": "a call to end",
    "calls.admission.Offer.verdict": "the verdict on a call",
    "calls.attending._come_back": "a transfer's answer",
    "calls.joining._enter": "the next attempt to join",
    "calls.talking._wait_for_deadlines": "the conversation's next deadline",
    "calls.outbox.Outbox.take": "a frame to send",
    "calls.collector.DebtCollector.run": "debts",
    "calls.collector.DebtCollector._wait": "the next attempt to hang up",
    "calls.recovery.follow": "news from the ledger",
    "platforms.xai.realtime.XaiLine.__anext__": "the platform's next event",
    "platforms.xai.realtime.XaiLine.send": "the platform to take a frame",
    "platforms.xai.realtime.XaiLine.keep_alive": "the next ping, or its answer",
    "platforms.xai.realtime.Realtime._open_stream": "a connection to the platform",
    "platforms.xai.realtime.Realtime._handshake": "the WebSocket's handshake",
    "platforms.xai.dialling.tcp_dial.<locals>.dial": "a connection to the platform",
    "platforms.xai.ears.Ears.listen": "bytes from the platform",
    "platforms.xai.ears.Ears.hear": "bytes for any of the calls",
    "platforms.xai.ready_stream.ReadyStream.receive_some": "bytes from the platform",
    "platforms.xai.ready_stream.ReadyStream.send_all": "the platform to take bytes",
    "platforms.xai.stream.WatchedStream.receive_some": "bytes from the platform",
    "platforms.xai.tls_stream.TlsStream.handshake": "the TLS handshake",
    "platforms.xai.rest.CallControl.hang_up": "the platform to confirm a hang-up",
    "platforms.xai.rest.CallControl.refer": "the destination to answer",
    "ledger.database.Database._in_thread": "a transaction",
    "ledger.turns.Turns._wait": "its turn to write",
    "ledger.keeping.Keeper.beat": "the next heartbeat",
    "ledger.keeping.Keeper.mend": "the ledger to fail",
    "ledger.keeping.Keeper.forget": "the next look for old calls",
    "ledger.journal.JournalWriter.write_down": "something to write down",
    "calls.accounting.run": "the next look at what was spent",
    "ledger.owed.DeliveriesOwed.look": "the next look for deliveries",
    "deliveries.sender._give_up_the_abandoned": "the next look for abandoned deliveries",
    "deliveries.sender.Sender.run": "deliveries that are due",
    "operate.status.keep_telling": "the next look at the numbers",
    "tools.http.HttpTool.run": "a tool's answer",
    "tools.python.PythonTool.run": "a tool's answer",
    "tools.threads.Threads.run": "a tool's answer",
    "observe.recorder.Recorder.run": "something to record",
    "operate.watchdog.Watchdog.feed": "the watchdog's next meal",
    "web.applications.Applications._run": "an answer to be made",
    "console.beside.Beside.__call__": "an answer to be made",
    "console.archive.Archive.read": "its turn to look into the ledger",
    "console.looking.Board.text": "the list of calls",
    "web.applications.Inbox.receive": "more of a request",
    "web.plain._Plain.asgi_app": "an answer to be made",
    "observe.eventfile._Watcher.write": "something to write down",
    "observe.lag.LoopLag.sample": "its next sample",
    "web.serve.Server._accept": "connections",
    "web.serve.Server._cut_late": "the end of the grace",
    "web.connection.Connection._receive": "bytes from a client",
    "web.connection.Connection._bounded": "a client to take an answer",
}
"""What a task waits for whose innermost function of ours is this one."""

_ELSEWHERE = {
    "_serve_one_listener": "connections",
    "_reader_task": "bytes from the platform",
}
"""The same for tasks in which there is no function of ours."""


def tree_of(root: trio.lowlevel.Task, calls: Mapping[str, CallView]) -> TaskView:
    """Look at a task and at all below it. `calls` are those in progress, by id."""
    name = _name_of(root)
    call = calls.get(name.removeprefix("call ")) if name.startswith("call ") else None
    below = [task for nursery in root.child_nurseries for task in sorted(nursery.child_tasks, key=_name_of)]
    return TaskView(
        name=name,
        waits_for=waits_for(root),
        call=call.state if call else None,
        debt=_debt(call) if call else None,
        deadlines=call.deadlines if call else (),
        tasks=tuple(tree_of(task, calls) for task in below),
    )


def waits_for(task: trio.lowlevel.Task) -> str:
    """What a task waits for, in words if we know some."""
    if task is trio.lowlevel.current_task():
        return "nothing: it runs"
    function, innermost = "", ""
    try:
        for frame, _ in task.iter_await_frames():
            innermost = frame.f_code.co_name
            function = _function_of(frame) or function
    except TypeError:  # something that awaits in a way that Trio does not know
        pass
    if not function:
        coroutine = task.coro.__name__
        return _ELSEWHERE.get(coroutine, f"({coroutine}: {innermost})" if innermost else "to be run")
    return WAITS.get(function, f"({function})")


def _function_of(frame: FrameType) -> str:
    """The function of ours that a frame is in, with its module; nothing if it is somebody else's."""
    path = frame.f_code.co_filename
    if not path.startswith(_PACKAGE):
        return ""
    module = path[len(_PACKAGE) + 1 :].removesuffix(".py").replace("/", ".")
    return f"{module}.{frame.f_code.co_qualname}"


def _name_of(task: trio.lowlevel.Task) -> str:
    # Tasks that libraries start are named after their function, with its module.
    return task.name if " " in task.name else task.name.rpartition(".")[2]


def _debt(call: CallView) -> str:
    return "a hang-up" if call.in_debt else "none"
