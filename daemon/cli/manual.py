"""`callwarden man`: the manual page, made from the same words as `--help`.

Hidden: packages and `make man` use it. Writes troff with the `man` macros; knows nothing of any command but what click
tells of it.
"""

import re
from collections.abc import Iterator

import click

from daemon import __version__
from daemon.cli.naming import PROGRAM

_EXIT = (
    ("0", "Done."),
    ("1", "Failed, or refused by the daemon. run: hang-ups are still owed, callers may still be connected."),
    ("2", "Wrong usage."),
    ("3", "No daemon answers on the control socket."),
    ("69", "run: an address or file is not to be had."),
    ("70", "run: an error of ours; every call was hung up."),
    ("75", "run: the drain deadline ended calls."),
    ("78", "The configuration can't be used."),
)
_SIGNALS = (
    ("SIGTERM, SIGINT", "Take no more calls, wait for those in progress, exit; a second one hangs them up."),
    ("SIGQUIT", "Make room for a successor: leave the calls to it, or drain, by [recovery] handover."),
    ("SIGHUP", "Load the configuration anew, for new calls. A bad one changes nothing and is logged."),
    ("SIGUSR1", "Pause; again: resume."),
    ("SIGUSR2", "Write the live task tree into the log."),
)
_FILES = (
    ("/etc/callwarden/config.toml", "The configuration, if there is no config.toml in the working directory."),
    ("/etc/callwarden/credentials/", "Secrets, a file each: under systemd, ${credential:NAME} is the file NAME."),
    ("/run/callwarden/control.sock", "The control socket, open to user and group."),
    ("/var/lib/callwarden/", "The ledger."),
)
_ENVIRONMENT = (
    ("CALLWARDEN_CONFIG", "The configuration file."),
    ("CALLWARDEN_SOCKET", "The control socket."),
    (
        "CREDENTIALS_DIRECTORY",
        "Where ${credential:NAME} is looked up; systemd sets it. Else, credentials/ beside the configuration.",
    ),
)


@click.command(hidden=True)
@click.pass_context
def man(context: click.Context) -> None:
    """Print the manual page in the form that man reads."""
    root = context.find_root()
    click.echo("\n".join(page(root.command, root)))


def page(command: click.Command, context: click.Context) -> Iterator[str]:
    """The lines of the page."""
    yield f'.TH {PROGRAM.upper()} 1 "" "{PROGRAM} {__version__}" "User Commands"'
    yield ".SH NAME"
    yield rf"{PROGRAM} \- {_escaped(command.get_short_help_str(200)).rstrip('.').lower()}"
    yield ".SH SYNOPSIS"
    yield f".B {PROGRAM}"
    yield r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(command.help or "")
    yield ".SH COMMANDS"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from _command(command.get_command(context, name), name, context)
    for title, items in (
        ("SIGNALS OF run", _SIGNALS),
        ("EXIT STATUS", _EXIT),
        ("FILES", _FILES),
        ("ENVIRONMENT", _ENVIRONMENT),
    ):
        yield f'.SH "{title}"'
        for term, words in items:
            yield from _item(term, words)


def _command(command: click.Command | None, name: str, parent: click.Context) -> Iterator[str]:
    if command is None or command.hidden:
        return
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f'.SS "{_escaped(f"{PROGRAM} {name} {usage}".strip())}"'
    yield from _paragraphs(command.help or "")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in parameter.opts:
            yield from _item(*record)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _command(command.get_command(context, inner), f"{name} {inner}", parent)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield ".PP"
        yield _escaped(" ".join(paragraph.split()))


def _item(term: str, words: str) -> Iterator[str]:
    yield ".TP"
    yield rf"\fB{_escaped(term)}\fR"
    yield _escaped(" ".join(words.split()))


def _escaped(text: str) -> str:
    """Text that troff prints as it is: no escapes, no request at the start of a line."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{text}" if text.startswith((".", "'")) else text
