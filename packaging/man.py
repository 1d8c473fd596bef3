"""The manual page, made from what the command line says of itself, so that the two can't disagree."""

import datetime
import os
import sys
from collections.abc import Iterator

import click

from daemon import __version__
from daemon.cli.main import main

TAIL = r""".SH SIGNALS
.TP
.BR SIGTERM , " SIGINT"
Take no more calls and wait for those in progress, up to
.IR "[drain] deadline" .
A second one hangs them up.
.TP
.B SIGQUIT
Make room for a successor: hand the calls over to it, or drain, by
.IR "[recovery] handover" .
.TP
.B SIGUSR1
Pause; again: resume.
.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
Hang-ups are still owed: callers may still be connected.
.TP
.B 69
An address, a file or the ledger is not to be had.
.TP
.B 70
An error in Callwarden; every call was hung up.
.TP
.B 75
The drain deadline has ended calls.
.TP
.B 78
The configuration can't be used.
.SH FILES
.TP
.I /etc/callwarden/config.toml
The configuration; every key stands there with its default.
.TP
.I /etc/callwarden/credentials/
Secrets, one file each, readable by root only:
.B ${credential:NAME}
is the file
.IR NAME .
.TP
.I /var/lib/callwarden/
The ledger.
.TP
.I /run/callwarden/control.sock
For operators in the group
.BR callwarden-operators .
.SH SEE ALSO
.IR /usr/share/doc/callwarden/handbook.md ,
.BR systemctl (1),
.BR systemd.service (5)
"""


def text(words: str | None) -> str:
    """Words for a manual page: no character of theirs is markup."""
    lines = " ".join((words or "").split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{lines}" if lines.startswith((".", "'")) else lines


def described(command: click.Command, path: str) -> Iterator[str]:
    """One command, and those below it."""
    context = click.Context(command, info_name=path)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            known = command.get_command(context, name)
            if known is not None and not known.hidden:
                yield from described(known, f"{path} {name}")
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS {text(path)} {text(usage)}\n{text(command.help)}\n"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in parameter.opts:
            yield f".TP\n.B {text(record[0])}\n{text(record[1])}\n"


def page() -> str:
    """The whole page."""
    stamp = int(os.environ.get("SOURCE_DATE_EPOCH", "0")) or int(datetime.datetime.now(datetime.UTC).timestamp())
    day = datetime.datetime.fromtimestamp(stamp, datetime.UTC).date().isoformat()
    head = f'.TH CALLWARDEN 1 "{day}" "callwarden {__version__}" "User Commands"\n'
    name = f".SH NAME\ncallwarden \\- {text((main.help or '').rstrip('.')).lower()}\n"
    synopsis = ".SH SYNOPSIS\n.B callwarden\n.I COMMAND\n.RI [ OPTIONS ]\n"
    return head + name + synopsis + ".SH COMMANDS\n" + "".join(described(main, "callwarden")) + TAIL


if __name__ == "__main__":
    sys.stdout.write(page())
