"""systemd's journal, played by a datagram socket, and the daemon's log on its way there."""

import json
import os
import socket
import struct
from pathlib import Path

import pytest
import structlog

from daemon.observe import journald, log


def decoded(datagram: bytes) -> dict[str, str]:
    """Read a datagram as journald would."""
    fields: dict[str, str] = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", rest[:8])
            value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


def test_a_line_with_fields() -> None:
    fields = {"event": "said", "call_id": "abc", "number": "+1800…99", "secret": "not a field"}
    assert decoded(journald.encode("warning", '{"a": 1}', fields)) == {
        "MESSAGE": '{"a": 1}',
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "callwarden",
        "EVENT": "said",
        "CALL_ID": "abc",
        "NUMBER": "+1800…99",
    }


def test_line_breaks_can_make_up_no_field() -> None:
    sneaky = "x\nPRIORITY=0\nCALL_ID=forged"
    fields = decoded(journald.encode("info", sneaky, {"event": sneaky}))
    assert (fields["MESSAGE"], fields["EVENT"], fields["PRIORITY"]) == (sneaky, sneaky, "6")
    assert "CALL_ID" not in fields


def test_a_line_that_is_too_long_is_cut() -> None:
    assert len(journald.encode("error", "x" * 1_000_000, {})) < 110_000


def test_systemd_says_which_descriptor_is_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        status = os.fstat(file.fileno())
        env = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert journald.is_listening(file.fileno(), env)
        assert not journald.is_listening(file.fileno(), {})
        assert not journald.is_listening(file.fileno(), {"JOURNAL_STREAM": "1:2"})
    assert not journald.is_listening(9999, env)


def test_the_log_goes_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        journal.settimeout(5)
        monkeypatch.setattr(journald.Journal.__init__, "__defaults__", (str(tmp_path / "journal"),))
        with log.open_log(level="info", form="journal"):
            log.identify(node=lambda: "node-1", epoch=lambda: "e1")
            with structlog.contextvars.bound_contextvars(call_id="abc", number="+1800…99", agent="support"):
                structlog.get_logger().error("something", why="to +18005550199")
            fields = decoded(journal.recv(65536))
    assert {name: fields[name] for name in fields if name != "MESSAGE"} == {
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "callwarden",
        "EVENT": "something",
        "CALL_ID": "abc",
        "NUMBER": "+1800…99",
        "AGENT": "support",
        "NODE": "node-1",
        "EPOCH": "e1",
    }
    message = json.loads(fields["MESSAGE"])
    assert (message["why"], message["call_id"], message["node"]) == ("to +1800…99", "abc", "node-1")


def test_without_a_journal_standard_error_gets_priorities(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(journald.Journal.__init__, "__defaults__", (str(tmp_path / "nowhere"),))
    with log.open_log(level="info", form="journal"):
        structlog.get_logger().warning("hello")
    written = capfd.readouterr().err
    assert written.startswith("<4>{")
    assert json.loads(written[3:])["event"] == "hello"
