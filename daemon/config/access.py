"""As much of the configuration as setting up a number needs: the platform's address and key, and what names there are.

Before a number is registered its signing secret does not exist, so the whole file can't be loaded yet. This reads the
same file by the same rules, but only these keys. Owned by the commands that set up numbers; imports errors and this
room's modules. Must never be used to run a daemon with.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from msgspec import Struct

from daemon.config.agreement import tables
from daemon.config.decode import Decoder
from daemon.config.kinds import ApiKey, Example, HttpUrl
from daemon.config.overrides import apply_overrides
from daemon.config.report import Report
from daemon.config.toml import parse
from daemon.errors import ConfigError, Problem

_KEYS = ("api_key", "base_url", "ca_file")


class PlatformAccess(Struct, frozen=True, kw_only=True):
    """Where the platform's REST API is, and the key to it; see `[platform.xai]`."""

    api_key: Annotated[ApiKey, Example('api_key = "${env:XAI_API_KEY}"')]
    base_url: HttpUrl = "https://api.x.ai"
    ca_file: str = ""


class Sketch(Struct, frozen=True, kw_only=True):
    """What a configuration that may not be whole yet says about numbers. Values are as written, not checked."""

    platform: PlatformAccess
    agents: tuple[str, ...] = ()
    """Names of the agents there are."""
    webhook_url: str = ""
    """Where the platform is to announce calls, if the file says under which URL the world reaches this server."""
    carriers: dict[str, str] = {}
    """Carrier by number, where one is stated."""
    routes: dict[str, str] = {}
    """Agent by number."""


def load_sketch(path: Path, overrides: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Sketch:
    """Read these keys of the file at `path`; without a file, the key is looked for in `XAI_API_KEY`.

    Errors: `ConfigError`, with every problem in the keys that are read.
    """
    document = _read(path)
    report = Report(path.name)
    apply_overrides(document, overrides, report)
    platform = dict(tables(document, "platform")).get("xai", {})
    written = {key: platform[key] for key in _KEYS if key in platform}
    written.setdefault("api_key", "${env:XAI_API_KEY}")
    if isinstance(written.get("ca_file"), str) and written["ca_file"]:
        written["ca_file"] = str((path.parent / written["ca_file"]).absolute())
    decoder = Decoder(report, os.environ if env is None else env)
    access = decoder.table(PlatformAccess, written, ("platform", "xai"))
    if access is None or report.problems:
        raise ConfigError(*report.problems)
    return Sketch(
        platform=access,
        agents=tuple(name for name, _ in tables(document, "agents")),
        webhook_url=_webhook_url(document),
        carriers=_texts(document, "carrier"),
        routes=_texts(document, "agent"),
    )


def _texts(document: dict[str, Any], key: str) -> dict[str, str]:
    """One key of every number that has it."""
    entries = ((number, entry.get(key)) for number, entry in tables(document, "numbers"))
    return {number: text for number, text in entries if isinstance(text, str) and text}


def _read(path: Path) -> dict[str, Any]:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        what = f"not valid TOML: {error}" if isinstance(error, tomllib.TOMLDecodeError) else "not UTF-8 text"
        raise ConfigError(Problem(path.name, what)) from None


def _webhook_url(document: dict[str, Any]) -> str:
    server = document.get("server", {})
    if not isinstance(server, dict):
        return ""
    public, path = server.get("public_url", ""), server.get("webhook_path", "/xai/sip-webhook")
    return public.rstrip("/") + path if public and isinstance(public, str) and isinstance(path, str) else ""
