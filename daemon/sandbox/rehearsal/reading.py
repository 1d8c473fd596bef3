"""Reading rehearsals: from a file to records that fit the configuration, or to the list of everything that is wrong.

Imports config, core's errors and this room. Reads the file it is given and nothing else.
"""

import tomllib
from collections.abc import Collection
from pathlib import Path

import msgspec

from daemon.config import Config, HttpTool, PythonTool
from daemon.config.checks import suggest
from daemon.config.decode import Decoder
from daemon.config.report import KeyPath, Report
from daemon.config.toml import parse
from daemon.errors import ConfigError, Problem
from daemon.sandbox.rehearsal.records import Call, Rehearsal, Step, Stub

_ACTIONS = "caller, keys, wait, leaves, breaks, or model, use and uses"


def read(path: Path, config: Config) -> tuple[Call, ...]:
    """Read a file; gives its calls, each with all the stubs it has. Errors: `ConfigError`, with every problem."""
    try:
        document = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(Problem(str(path), f"not valid TOML: {error}")) from error
    except UnicodeDecodeError:
        raise ConfigError(Problem(str(path), "not UTF-8 text")) from None
    report = Report(str(path))
    rehearsal = Decoder(report, {}).table(Rehearsal, document)
    if rehearsal is not None:
        _check(rehearsal, config, report)
    if rehearsal is None or report.problems:
        raise ConfigError(*report.problems)
    return tuple(
        msgspec.structs.replace(call, tools={**rehearsal.tools, **call.tools}, called=call.called or _only(config))
        for call in rehearsal.call
    )


def _only(config: Config) -> str | None:
    return next(iter(config.numbers)) if len(config.numbers) == 1 else None


def _check(rehearsal: Rehearsal, config: Config, report: Report) -> None:
    """Report what is right on its own and wrong next to something else."""
    _check_stubs(("tools",), rehearsal.tools, config, report)
    for place, call in enumerate(rehearsal.call, start=1):
        path = ("call", str(place))
        if call.called is None and _only(config) is None:
            report.add((*path, "called"), f"missing; there is: {', '.join(config.numbers)}")
        _check_stubs((*path, "tools"), call.tools, config, report)
        for number, step in enumerate(call.script, start=1):
            _check_step((*path, "script", str(number)), step, report)
        _check_names((*path, "expect"), call, config, report)


def _check_step(path: KeyPath, step: Step, report: Report) -> None:
    turn = step.model is not None or bool(step.use) or bool(step.uses)
    done = [step.caller is not None, step.keys is not None, step.wait is not None, step.leaves, step.breaks, turn]
    if done.count(True) != 1:
        report.add(path, f"one thing happens in a step; give one of {_ACTIONS}", table=True)
    elif step.over and (step.breaks or turn):
        report.add((*path, "over"), "goes with caller, keys, wait and leaves only")
    elif step.arguments != "{}" and not step.use:
        report.add((*path, "arguments"), "goes with use only; in uses, each has its own")


def _check_stubs(path: KeyPath, stubs: dict[str, Stub], config: Config, report: Report) -> None:
    for name, stub in stubs.items():
        if name not in config.tools:
            hint = suggest(name, tuple(config.tools)) or f"; there is: {', '.join(config.tools) or 'none'}"
            report.add((*path, name), f'the configuration has no tool "{name}"{hint}', table=True)
        elif not isinstance(config.tools[name], HttpTool | PythonTool):
            report.add((*path, name), "the platform runs this tool; have the model say what it found", table=True)
        given = [stub.answer is not None, bool(stub.answers), bool(stub.error), stub.real]
        if given.count(True) != 1:
            report.add((*path, name), "give one of answer, answers, error and real", table=True)


def _check_names(path: KeyPath, call: Call, config: Config, report: Report) -> None:
    expect = call.expect
    named: dict[str, tuple[tuple[str, ...], Collection[str], str]] = {
        "transfers": (expect.transfers or (), config.destinations, "destination"),
        "tools": (tuple(use.tool for use in expect.tools or ()), config.tools, "tool"),
        "agent": ((expect.agent,) if expect.agent else (), config.agents, "agent"),
    }
    for key, (names, known, noun) in named.items():
        for name in names:
            if name not in known:
                hint = suggest(name, tuple(known)) or f"; there is: {', '.join(known) or 'none'}"
                report.add((*path, key), f'the configuration has no {noun} "{name}"{hint}')
