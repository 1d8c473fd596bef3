"""Mistakes in a configuration that hold a secret are told without it: by `check`, by `run`, and by `--set`."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon.cli.main import main
from tests.config.written import AGENT, ENV, MINIMAL, NUMBER, PLATFORM
from tests.leaks import canaries
from tests.leaks.canaries import Channel
from tests.postgres import Postgres

SECRET = canaries.STRANGER
LEDGER = "[ledger]\nurl"
MISTAKES = {
    "api key": (f'[platform.xai]\napi_key = "{SECRET}"\n' + NUMBER + AGENT),
    "webhook secret": PLATFORM.replace("${env:HOOK}", SECRET) + NUMBER + AGENT,
    "unfinished reference": PLATFORM.replace("${env:HOOK}", f"${{env:{SECRET}") + NUMBER + AGENT,
    "reference of no kind": PLATFORM.replace("${env:HOOK}", f"${{vault:{SECRET}}}") + NUMBER + AGENT,
    "not TOML": MINIMAL + f'[operator]\ntoken = "{SECRET}\n',
    "not TOML either": MINIMAL + f"[operator]\ntoken = {SECRET}\n",
    "twice": MINIMAL + f'[operator]\ntoken = "{SECRET}"\ntoken = "{SECRET}"\n',
    "token as a table": MINIMAL + f'[operator]\ntoken = {{ env = "{SECRET}" }}\n',
    "token as an array": MINIMAL + f'[operator]\ntoken = ["{SECRET}"]\n',
    "too short": MINIMAL + '[operator]\ntoken = "${env:SHORT}"\n',
    "two lines": MINIMAL + '[operator]\ntoken = "${env:LINES}"\n',
    "database": MINIMAL + f'{LEDGER} = "postgresql://me:{SECRET}@db.test/calls"\n',
    "database, in the query": MINIMAL + f'{LEDGER} = "postgresql://me@db.test/calls?password={SECRET}"\n',
    "database, in sslpassword": MINIMAL + f'{LEDGER} = "postgresql://me@db.test/calls?sslpassword={SECRET}"\n',
    "database, as another kind": MINIMAL + f'{LEDGER} = "mysql://me:{SECRET}@db.test/calls"\n',
    "database, no port": MINIMAL + f'{LEDGER} = "postgresql://me:{SECRET}@db.test:port/calls"\n',
    "database's password": MINIMAL + f'[ledger]\npassword = "{SECRET}"\n',
    "platform": MINIMAL.replace("[platform.xai]", f'[platform.xai]\nbase_url = "https://me:{SECRET}@api.test"'),
    "socket": MINIMAL.replace("[platform.xai]", f'[platform.xai]\nwebsocket_url = "wss://api.test/?key={SECRET}"'),
    "delivery": MINIMAL + f'[[deliveries]]\nurl = "https://me:{SECRET}@x.test/"\nsecret = "{SECRET}"\n',
    "delivery's query": MINIMAL + f'[[deliveries]]\nurl = "https://x.test/?key={SECRET}"\nsecret = "${{env:HOOK}}"\n',
    "traces": MINIMAL + f'[tracing]\nendpoint = "https://x.test/?key={SECRET}"\n',
    "lookup": MINIMAL + f'[agents.support.lookup]\nurl = "https://me:{SECRET}@x.test/{{caller}}"\n',
    "lookup's header": MINIMAL
    + f'[agents.support.lookup]\nurl = "https://x.test/"\nheaders = {{ Authorization = "${{x:{SECRET}}}" }}\n',
    "tool's header": MINIMAL
    + '[tools.a]\ntype = "http"\nurl = "https://x.test/"\ndescription = "A."\n'
    + 'headers = { Authorization = "Bearer ${env:LINES}" }\n',
    "tool": MINIMAL + f'[tools.a]\ntype = "http"\nurl = "https://me:{SECRET}@x.test/{{a}}"\ndescription = "A."\n',
    "MCP": MINIMAL + f'[tools.a]\ntype = "mcp"\nserver_url = "https://x.test/"\nauthorization = "{SECRET}"\n',
}


def _typed(*arguments: str) -> Channel:
    environment = {**ENV, "SHORT": SECRET[:15], "LINES": f"{SECRET}\n{SECRET}\nx", "CREDENTIALS_DIRECTORY": None}
    result = CliRunner(env=environment).invoke(main, arguments)
    assert result.exit_code != 0, result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)
    channel = Channel("output")
    channel.add(result.output)
    return channel


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_without_the_secret(tmp_path: Path, mistake: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(MISTAKES[mistake])
    for command in ("check", "run"):
        channel = _typed(command, "--config", str(config))
        assert channel.secrets() == [], channel.content.decode()


@pytest.mark.parametrize(
    "setting",
    [
        f"operator.token={SECRET}",
        f'operator.token="{SECRET}',
        f"operator.tokn={SECRET}",
        f"platform.xai.api_key={SECRET}",
        f'platform.xai.webhook_secrets=["{SECRET}"]',
        f"ledger.url=postgresql://me:{SECRET}@db.test/calls",
    ],
)
def test_so_is_one_on_the_command_line(tmp_path: Path, setting: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(MINIMAL)
    channel = _typed("check", "--config", str(config), "--set", setting)
    assert channel.secrets() == [], channel.content.decode()


DATABASE = '[ledger]\nurl = "{url}"\ndirectory = "{folder}"\npassword = "${{env:DATABASE}}"\n[operator]\nsocket = ""\n'


def _run_without_a_ledger(folder: Path, url: str) -> Channel:
    """Start the daemon on a database that it does not get; it is killed once it has said so."""
    config = folder / "config.toml"
    config.write_text(MINIMAL + DATABASE.format(url=url, folder=folder) + '[log]\nlevel = "debug"\nformat = "json"\n')
    command = [sys.executable, "-m", "daemon", "run", "--config", str(config)]
    command += ["--set", f'server.bind=["unix:{folder}/public.sock"]', "--set", "ledger.on_failure=degrade"]
    environment = {**ENV, "DATABASE": canaries.DATABASE, "PATH": ""}
    channel = Channel("log")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            channel.add(process.communicate(timeout=6)[0])
        except subprocess.TimeoutExpired:
            process.kill()
            channel.add(process.communicate()[0])
    visited = CliRunner(env=environment).invoke(main, ["calls", "--config", str(config)])
    assert visited.exit_code != 0
    channel.add(visited.output)
    return channel


@pytest.mark.exhaustive
def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    channel = _run_without_a_ledger(tmp_path, "postgresql://somebody@127.0.0.1:1/calls")
    assert b"refused" in channel.content
    assert channel.secrets() == []


@pytest.mark.exhaustive
def test_a_database_that_wants_another_password(tmp_path: Path, postgres: Postgres) -> None:
    channel = _run_without_a_ledger(tmp_path, postgres.url_of("postgres", host="127.0.0.1"))
    assert b"password authentication failed" in channel.content
    assert channel.secrets() == []
