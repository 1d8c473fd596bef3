"""Reads the configuration: from a file and overrides to records, or to the list of everything that is wrong.

Owned by whoever starts or reloads the daemon; imports errors and this room's modules. Must never return a
configuration with a known problem in it, nor one that reads differently from another working directory.
"""

import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from daemon.config.agreement import check_agreement, tables
from daemon.config.decode import Decoder
from daemon.config.functions import fetch_functions
from daemon.config.inheritance import inherit
from daemon.config.overrides import apply_overrides
from daemon.config.records import Config
from daemon.config.report import Report
from daemon.config.texts import check_texts
from daemon.config.toml import parse
from daemon.config.transfer_agreement import check_keys_of_functions
from daemon.errors import ConfigError, Problem

_SQLITE: Final = "sqlite:///"


def load(
    path: Path,
    overrides: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    *,
    secrets_of: Collection[str] | None = None,
    functions: bool = False,
) -> Config:
    """Load the file at `path`, with `dotted.key=value` overrides laid over it and secrets fetched.

    `env` is the environment in which secrets are looked up, by default that of the process; where it names no folder of
    credentials, that is `credentials` beside the file. With `secrets_of`, only the
    secrets of these tables, or dotted keys, are fetched, and Python functions only if it names `tools`, or with
    `functions`; for whoever needs no others, and may not be able to read them. Reads files and imports the operator's
    modules, so a running daemon calls it in a worker thread.

    Raises:
        ConfigError: With every problem that was found, each with the table and key or the `--set` it is in.
    """
    document = _read(path)
    report = Report(path.name)
    apply_overrides(document, overrides, report)
    incomplete = inherit(document, report)
    check_agreement(document, report, incomplete)
    _locate_authorities(document, path.parent, report)
    _fetch_instructions(document, path.parent, report)
    check_texts(document, report, incomplete)
    fetched = functions or secrets_of is None or "tools" in secrets_of
    fetch_functions(document, path.parent, report, fetched=fetched)
    check_keys_of_functions(document, report)
    _locate_ledger(document, path.parent)
    _locate_recordings(document, path.parent)
    config = Decoder(report, _with_credentials(path, os.environ if env is None else env), secrets_of).table(
        Config, document
    )
    if config is None or report.problems:
        # What is wrong with an inherited key is wrong in every heir.
        raise ConfigError(*dict.fromkeys(report.problems))
    concrete = {name: agent for name, agent in config.agents.items() if not agent.abstract}
    return msgspec.structs.replace(config, agents=concrete)


def _with_credentials(path: Path, env: Mapping[str, str]) -> Mapping[str, str]:
    """Find credentials where the unit takes them from, for whoever types a command beside the service."""
    folder = path.parent / "credentials"
    if env.get("CREDENTIALS_DIRECTORY") or not folder.is_dir():
        return env
    return {**env, "CREDENTIALS_DIRECTORY": str(folder.absolute())}


def _read(path: Path) -> dict[str, Any]:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(Problem(str(path), "there is no such file")) from None
    except OSError as error:
        raise ConfigError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(Problem(path.name, f"not valid TOML: {error}")) from error
    except UnicodeDecodeError as error:
        # Without the cause: it carries the whole file.
        what = f"not UTF-8 text (line {error.object[: error.start].count(10) + 1})"
        raise ConfigError(Problem(path.name, what)) from None


def _locate_authorities(document: dict[str, Any], folder: Path, report: Report) -> None:
    """Make each `ca_file` a full path, and see now that it can be read: TLS says little about it later."""
    for name, platform in tables(document, "platform"):
        file = platform.get("ca_file")
        if isinstance(file, str) and file:
            location = (folder / file).absolute()
            platform["ca_file"] = str(location)
            try:
                location.read_bytes()
            except OSError as error:
                report.add(("platform", name, "ca_file"), f"cannot read {location}: {error.strerror}")
            except ValueError:
                report.add(("platform", name, "ca_file"), "expected the path of a file")


def _locate_ledger(document: dict[str, Any], folder: Path) -> None:
    """Make the ledger's paths full ones, so that the working directory has no part in them."""
    ledger = document.get("ledger")
    if not isinstance(ledger, dict):
        return
    url, directory = ledger.get("url"), ledger.get("directory")
    if isinstance(url, str) and url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        ledger["url"] = f"{_SQLITE}{(folder / url.removeprefix(_SQLITE)).absolute()}"
    if isinstance(directory, str) and directory:
        ledger["directory"] = str((folder / directory).absolute())


def _locate_recordings(document: dict[str, Any], folder: Path) -> None:
    recording = document.get("recording")
    directory = recording.get("directory") if isinstance(recording, dict) else None
    if isinstance(recording, dict) and isinstance(directory, str) and directory:
        recording["directory"] = str((folder / directory).absolute())


def _fetch_instructions(document: dict[str, Any], folder: Path, report: Report) -> None:
    """Put the text of each `instructions_file` in the place of the missing `instructions`."""
    for name, agent in tables(document, "agents"):
        file = agent.get("instructions_file")
        if not isinstance(file, str) or not file or agent.get("instructions", "") != "":
            continue
        key = ("agents", name, "instructions_file")
        try:
            text = (folder / file).read_text(encoding="utf-8")
        except OSError as error:
            report.add(key, f"cannot read {folder / file}: {error.strerror}")
        except ValueError:
            report.add(key, f"{folder / file} is not UTF-8 text")
        else:
            agent["instructions"] = text
            if not text.strip():
                report.add(key, f"{folder / file} is empty")
