"""`callwarden rehearse`: scripted calls against a configuration, in virtual time, reported as test runners do."""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.text import Text

from daemon.cli.configuration import EXIT_CONFIG, configured, load_or_exit
from daemon.cli.happenings import line
from daemon.cli.junit import Case, write_junit
from daemon.cli.opening import EXIT_FAILED, EXIT_MISSING, EXIT_USAGE, fail
from daemon.cli.plain import harmless, make_console, span
from daemon.config import Config
from daemon.core import journal
from daemon.errors import ConfigError, Problem
from daemon.sandbox.rehearsal.judging import judge
from daemon.sandbox.rehearsal.playing import Performance
from daemon.sandbox.rehearsal.playing import rehearse as play
from daemon.sandbox.rehearsal.reading import read
from daemon.sandbox.rehearsal.records import Call


class Rehearsed(msgspec.Struct, frozen=True):
    """A call that was rehearsed, and what came of it."""

    file: Path
    played: Performance
    failures: list[str]

    @property
    def seconds(self) -> float:
        """How long the call took, on its own clock."""
        return self.played.story[-1].at if self.played.story else 0.0


@click.command()
@configured
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-k", "part", default="", metavar="TEXT", help="Only calls with this in their file's or their own name.")
@click.option("-v", "--verbose", is_flag=True, help="Print the name of each call.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write a report as JUnit XML.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def rehearse(
    path: Path,
    overrides: tuple[str, ...],
    files: tuple[Path, ...],
    part: str,
    *,
    verbose: bool,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Rehearse the calls in FILES, or in the *.toml of folders, against the configuration.

    Caller and model are scripted, everything between them is real; no network, key or secret is needed. Exits with 0 if
    all is as expected, with 1 if not, with 78 if the configuration or a file can't be used.
    """
    began = time.monotonic()
    written = _read(files, load_or_exit(path, overrides, secrets_of=()))
    calls = [(file, call) for file, call in written if _wanted(part, file, call)]
    if not calls:
        fail("there is no call to rehearse", EXIT_USAGE)
    config = load_or_exit(path, overrides, secrets_of=_needed(calls), functions=True)
    console = Console(quiet=True) if as_json else make_console()
    done: list[Rehearsed] = []
    for file, call in calls:
        played = play(call, config)
        done.append(Rehearsed(file, played, judge(played)))
        _print_progress(console, done, verbose=verbose)
    took = time.monotonic() - began
    if as_json:
        click.echo(json.dumps(_as_json(done)))
    _print_failures(console, done, took)
    if junit is not None:
        _write(junit, done)
    sys.exit(EXIT_FAILED if any(each.failures for each in done) else 0)


def _read(files: Sequence[Path], config: Config) -> list[tuple[Path, Call]]:
    """The calls of all files, or an exit with all that is wrong with any of them."""
    found = [each for file in files for each in (sorted(file.glob("*.toml")) if file.is_dir() else [file])]
    calls: list[tuple[Path, Call]] = []
    problems: list[Problem] = []
    for file in dict.fromkeys(found):
        try:
            calls += [(file, call) for call in read(file, config)]
        except ConfigError as error:
            problems += error.problems
    for problem in problems:
        click.echo(str(problem), err=True)
    if problems:
        sys.exit(EXIT_CONFIG)
    return calls


def _wanted(part: str, file: Path, call: Call) -> bool:
    return part.lower() in f"{file} {call.name}".lower()


def _needed(calls: Sequence[tuple[Path, Call]]) -> set[str]:
    """The tools that are really run, whose secrets are needed."""
    return {f"tools.{name}" for _, call in calls for name, stub in call.tools.items() if stub.real}


def _print_progress(console: Console, done: Sequence[Rehearsed], *, verbose: bool) -> None:
    """A dot or an F for each call, on a line for each file; or a line for each call."""
    last = done[-1]
    mark, style = ("F", "bold red") if last.failures else (".", "green")
    if verbose:
        verdict = ("FAILED", style) if last.failures else ("passed", style)
        console.print(Text.assemble(f"{last.file}: {harmless(last.played.call.name)} ", verdict), soft_wrap=True)
        return
    if len(done) == 1 or done[-2].file != last.file:
        console.print(Text(f"{'' if len(done) == 1 else chr(10)}{last.file} "), end="", soft_wrap=True)
    console.print(Text(mark, style=style), end="")


def _print_failures(console: Console, done: Sequence[Rehearsed], took: float) -> None:
    console.print()
    for each in done:
        if each.failures:
            console.print()
            console.print(
                Text(f"FAILED {each.file}: {harmless(each.played.call.name)}", style="bold red"), soft_wrap=True
            )
            for failure in each.failures:
                console.print(Text(f"  {harmless(failure)}"), soft_wrap=True)
            console.print(Text("  What happened:", style="dim"))
            for text in _story(each.played):
                console.print(Text.assemble("    ", text), soft_wrap=True)
    failed = sum(bool(each.failures) for each in done)
    counts = [f"{failed} failed"] * bool(failed) + [f"{len(done) - failed} passed"]
    summary = f"{', '.join(counts)}: {span(sum(each.seconds for each in done))} on the telephone, in {took:.1f} s"
    console.print()
    console.print(Text(summary, style="bold red" if failed else "bold green"), soft_wrap=True)


def _story(played: Performance) -> list[Text]:
    """What happened, without words that were still in the making."""
    return [
        line(msgspec.to_builtins(each.entry), f"{each.at:7.2f} s")
        for each in played.story
        if not (isinstance(each.entry, journal.Said) and not each.entry.final)
    ]


def _as_json(done: Sequence[Rehearsed]) -> dict[str, object]:
    counts = Counter("failed" if each.failures else "passed" for each in done)
    calls = [
        {
            "file": str(each.file),
            "name": each.played.call.name,
            "failures": each.failures,
            "seconds": each.seconds,
            "receipt": msgspec.to_builtins(each.played.receipt),
            "story": msgspec.to_builtins(each.played.story),
            "sent": each.played.sent,
        }
        for each in done
    ]
    return {"passed": counts["passed"], "failed": counts["failed"], "calls": calls}


def _write(junit: Path, done: Sequence[Rehearsed]) -> None:
    cases = [
        Case(
            suite=str(each.file),
            name=each.played.call.name,
            seconds=each.seconds,
            failures=tuple(each.failures),
            details="\n".join(text.plain for text in _story(each.played)) if each.failures else "",
        )
        for each in done
    ]
    try:
        write_junit(junit, "rehearsals", cases)
    except OSError as error:
        fail(f"--junit {junit}: {error.strerror}; name a file that can be written", EXIT_MISSING)
