"""`callwarden hangup`, `transfer`, `pause` and `resume`: orders to whichever node it concerns, through the ledger.

An order is a row; the node that has the call takes it and says what became of it. One that nobody takes in time is
taken back, so that it is not carried out when nobody expects it any more.
"""

import getpass
import json
import platform
import time
from pathlib import Path
from typing import Never

import click

from daemon.cli.configuration import configured
from daemon.cli.opening import EXIT_FAILED, EXIT_UNREACHED, EXIT_USAGE, Span, fail, opened, the_call
from daemon.cli.plain import harmless
from daemon.config import Config
from daemon.ledger import orders
from daemon.ledger.listing import list_nodes
from daemon.ledger.orders import BEGUN, DONE, GONE, Verb
from daemon.ledger.visiting import Visit

_POLL = 0.1

_wait = click.option(
    "--wait", type=Span(), default="10s", show_default=True, metavar="DURATION", help="How long to wait for the result."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
_node = click.option("--node", metavar="NAME", help="Which node; this machine's by default.")


@click.command()
@configured
@click.argument("call")
@click.option("--reason", default="an operator's order", show_default=True, help="What the receipt is to say.")
@_wait
@_json
def hangup(path: Path, overrides: tuple[str, ...], call: str, reason: str, wait: float, *, as_json: bool) -> None:
    """Hang up a live CALL, whichever node has it. The beginning of its id is enough."""
    with opened(path, overrides) as (_, visit):
        _order(visit, "hang_up", the_call(visit, call, live=True), reason, wait, as_json=as_json)


@click.command()
@configured
@click.argument("call")
@click.argument("destination")
@_wait
@_json
def transfer(
    path: Path, overrides: tuple[str, ...], call: str, destination: str, wait: float, *, as_json: bool
) -> None:
    """Transfer the caller of a live CALL to a DESTINATION of the configuration."""
    with opened(path, overrides) as (config, visit):
        if destination not in config.destinations:
            there_is = ", ".join(config.destinations) or "none; add [destinations.NAME]"
            fail(f"there is no destination {destination!a}; there is: {there_is}", EXIT_USAGE)
        _order(visit, "transfer", the_call(visit, call, live=True), destination, wait, as_json=as_json)


@click.command()
@configured
@_node
@_wait
@_json
def pause(path: Path, overrides: tuple[str, ...], node: str | None, wait: float, *, as_json: bool) -> None:
    """Let a node take no more calls; those in progress go on."""
    with opened(path, overrides) as (config, visit):
        _order(visit, "pause", node or _here(config), "", wait, as_json=as_json)


@click.command()
@configured
@_node
@_wait
@_json
def resume(path: Path, overrides: tuple[str, ...], node: str | None, wait: float, *, as_json: bool) -> None:
    """Let a node that was paused take calls again."""
    with opened(path, overrides) as (config, visit):
        _order(visit, "resume", node or _here(config), "", wait, as_json=as_json)


def _here(config: Config) -> str:
    """The name that the daemon on this machine goes by."""
    return config.ledger.node or platform.node()


def _order(visit: Visit, verb: Verb, target: str, argument: str, wait: float, *, as_json: bool) -> None:
    """Give an order and wait for its result; exits unless it was carried out."""
    order_id = visit.write(lambda connection: orders.ask(connection, verb, target, argument, _who()))
    if order_id is None:
        _nobody(visit, verb, target)
    result = _await_result(visit, order_id, wait)
    code = 0
    if result is None:
        if visit.write(lambda connection: orders.withdraw(connection, order_id)):
            result, code = "no daemon took the order in time; it was taken back", EXIT_UNREACHED
        else:
            # It may have come in the last moment.
            result = visit.read(lambda connection: orders.result(connection, order_id))
            result = result or "the order was taken and there is no result yet; wait longer with --wait"
    if code == 0 and result not in (DONE, BEGUN):
        code = EXIT_UNREACHED if result == GONE else EXIT_FAILED
    if as_json:
        click.echo(json.dumps({"order": order_id, "done": code == 0, "result": result}))
    elif code == 0:
        click.echo(f"{target}: {result}")
    if code:
        fail(f"{target}: {harmless(result)}", code)


def _await_result(visit: Visit, order_id: str, wait: float) -> str | None:
    until = time.monotonic() + wait
    while True:
        result = visit.read(lambda connection: orders.result(connection, order_id))
        if result is not None or time.monotonic() >= until:
            return result
        time.sleep(_POLL)


def _nobody(visit: Visit, verb: Verb, target: str) -> Never:
    if verb in ("hang_up", "transfer"):
        fail(f"call {target} is over")
    nodes = sorted({node.node for node in visit.read(list_nodes) if node.state in ("alive", "late")})
    fail(f"no node {target!a} is running; there is: {', '.join(nodes) or 'none'}", EXIT_UNREACHED)


def _who() -> str:
    """Who gives the order, for the record."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "somebody"
    return f"{user}@{platform.node()}"
