"""What the commands that set up numbers share: where state is, how values are checked, how errors end.

Foreseeable trouble is one line on standard error and an exit code: 1 failed, 2 wrong usage, 78 the configuration.
Nobody's secret is ever an argument. Imports click, Trio, config, numbers and errors.
"""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
import trio

from daemon.cli.configuration import EXIT_CONFIG, configured
from daemon.config.access import Sketch, load_sketch
from daemon.config.checks import phone_number
from daemon.errors import CallwardenError, CarrierError, ConfigError, NotAuthorized, PlatformError
from daemon.numbers.files import Files, state_folder

T = TypeVar("T")
V = TypeVar("V")
Command = TypeVar("Command", bound=Callable[..., Any])

CARRIERS = ("twilio", "telnyx", "plivo", "byo")

number_argument = click.argument("number", callback=lambda _context, _parameter, value: checked(phone_number, value))
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
yes_option = click.option("--yes", is_flag=True, help="Don't ask.")
carrier_option = click.option("--carrier", type=click.Choice(CARRIERS), help="Who brings the calls.")
region_option = click.option(
    "--region",
    type=click.Choice(("us", "europe", "australia")),
    default="us",
    show_default=True,
    help="Telnyx: where calls leave it, which decides the addresses they come from.",
)


def checked(rule: Callable[[V], T], value: V) -> T:
    """Hold a value against a rule; what is wrong with it is wrong usage."""
    try:
        return rule(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def setting_up(command: Command) -> Command:
    """Give a command the options `--config`, `--set` and `--state`."""
    command = click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        default=lambda: state_folder(os.environ),
        show_default="$CALLWARDEN_STATE, $STATE_DIRECTORY, /var/lib/callwarden-setup or ~/.local/state/callwarden",
        help="Where is written down what was done, and secrets if no other place is named.",
    )(command)
    return configured(command)


def numbers_in(state: Path) -> Files:
    """The files about numbers."""
    return Files(state / "numbers")


def carriers_in(state: Path) -> Files:
    """The files about carriers."""
    return Files(state / "carriers")


def sketch_or_exit(path: Path, overrides: tuple[str, ...]) -> Sketch:
    """Read what the configuration says about platform and numbers, or say what is wrong with it and exit with 78."""
    named = click.get_current_context().get_parameter_source("path")
    try:
        if named is click.core.ParameterSource.COMMANDLINE and not path.exists():
            problem = f"{path}: there is no such file"
        else:
            return load_sketch(path, overrides)
    except ConfigError as error:
        problem = str(error)
    click.echo(problem, err=True)
    sys.exit(EXIT_CONFIG)


def access(sketch: Sketch) -> dict[str, Any]:
    """How to reach the platform, as arguments of `open_numbers`."""
    return msgspec.structs.asdict(sketch.platform)


def carry(work: Callable[[], Awaitable[T]]) -> T:
    """Run what waits, and end with one line and exit code 1 if it can't be done."""
    return attempt(lambda: trio.run(work))


def attempt(work: Callable[[], T]) -> T:
    """Do something, and end with one line and exit code 1 if it can't be done."""
    try:
        return work()
    except CallwardenError as error:
        problem = explain(error)
    click.echo(f"callwarden: {problem}", err=True)
    sys.exit(1)


def explain(error: CallwardenError) -> str:
    """An error as one line."""
    match error:
        case NotAuthorized(status=401):
            return f"the platform does not accept the API key ({error}); look at [platform.xai] api_key"
        case PlatformError():
            return f"the platform: {error}"
        case CarrierError():
            return f"the carrier: {error}"
        case _:
            return str(error)
