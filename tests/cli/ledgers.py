"""A ledger with a configuration that names it, and the command line to look at it."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from daemon.cli.main import main
from daemon.ledger.engine import Engines
from tests.config.written import MINIMAL
from tests.ledger.filled import Ledger

URL = "https://one.test/calls"


class Desk:
    """An operator's: a configuration whose secrets are not to be had, and the ledger it names."""

    def __init__(self, folder: Path, engines: Engines | None, ledger_url: str) -> None:
        self.config = folder / "config.toml"
        self.config.write_text(
            f'{MINIMAL}\n[destinations.front_desk]\nuri = "tel:+18005550123"\n[ledger]\nurl = "{ledger_url}"\n'
            f'node = "alpha"\n[[deliveries]]\nurl = "{URL}"\nsecret = "${{env:NO_SUCH_SECRET}}"\n'
        )
        if engines:
            self.ledger = Ledger(engines, URL)
            self.ledger.node("alpha")

    def run(self, *arguments: str, **options: Any) -> Result:
        result = CliRunner().invoke(main, [*arguments, "--config", str(self.config)], **options)
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def lines(self, *arguments: str) -> list[str]:
        """What it prints, when all is well."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """The same as JSON."""
        return [json.loads(line) for line in self.lines(*arguments, "--json")]

    def refused(self, code: int, *arguments: str, **options: Any) -> str:
        """The one line on standard error, when it is not."""
        result = self.run(*arguments, **options)
        assert result.exit_code == code, result.output
        *_, line = result.stderr.splitlines()
        return line
