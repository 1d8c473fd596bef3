"""Every error Callwarden raises on purpose: one tree, two branches.

Whose fault decides what happens: ours is an alarm, theirs is a log line.

    CallwardenError
    ├── OurFault
    │   ├── ConfigError           the operator's file or secrets; exit 78
    │   ├── StartError            something the daemon stands on is missing: an address, a library; exit 69
    │   ├── LedgerUnavailable     the ledger can't take a claim now: disk full, locked, database down
    │   ├── AddressRefused        a tool's host is not in the public internet
    │   ├── TemplateBroken        words of the configuration that can't be made into a text
    │   ├── SetupStopped          a number or a carrier can't be set up as asked; nothing is half done that can't go on
    │   ├── FunctionBroken        a Python function of the operator's that can't be a tool
    │   ├── NotNow                an operator's wish that can't be fulfilled as things are
    │   ├── NoSuchDestination     a destination that is not in the configuration
    │   ├── NotReachable          the command line finds no daemon; exit 3
    │   └── OutboxFull            the platform stopped reading what we send
    └── TheirFault
        ├── ToolFailed            a Python tool says that something did not work, and why
        ├── LookupFailed          the operator's server gave no usable answer about a caller
        ├── WebhookRefused        a delivery that is not signed, or not sense
        ├── CarrierError          the carrier's REST API did not do what was asked
        │   ├── CarrierUnavailable    no answer, or 5xx, or 429: worth another look and try
        │   └── CarrierRefused        a 4xx, or an answer that makes no sense
        └── PlatformError
            ├── PlatformUnavailable   no answer, or 5xx, or 429: worth another try
            ├── PlatformRefused       a 4xx: the same request will be refused again
            │   ├── CallNotFound          404, 409, 410: there is no such call (any more)
            │   └── NotAuthorized         401, 403: the API key is wrong or lacks a right
            └── PlatformProtocolError     they sent nonsense

Owned by nobody, imported by every room; imports nothing. Ends of calls are values, never exceptions.
"""

from typing import NamedTuple


class CallwardenError(Exception):
    """Root of the tree. Never raised itself."""


class OurFault(CallwardenError):
    """Something on this side of the wire: the operator's configuration, this machine, or our code."""


class TheirFault(CallwardenError):
    """Something on the other side: a stranger on the public port, or the platform."""


class Problem(NamedTuple):
    """One thing wrong with a configuration."""

    where: str
    """File, table and key, such as `config.toml: [agents.support] voice`."""
    what: str
    """What is wrong and what was expected."""

    def __str__(self) -> str:
        """One line, as shown to the operator."""
        return f"{self.where}: {self.what}"


class ConfigError(OurFault):
    """The configuration cannot be used. Carries every problem that was found, not just the first."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class StartError(OurFault):
    """The daemon cannot start or listen; the message names the address or library and the fix."""


class LedgerUnavailable(OurFault):
    """The ledger does not work now, and may later; the message names what is wrong and the fix."""


class AddressRefused(OurFault):
    """A tool's host has only addresses that a tool may not connect to; the message names the host and the fix."""


class TemplateBroken(OurFault):
    """A template of the configuration can't be used, or can't be rendered; the message says in which line and why."""


class SetupStopped(OurFault):
    """Setting up a number or a carrier can't go on as asked; the message says why and what to do.

    What was done so far is in the journal: the same command goes on from there.
    """


class FunctionBroken(OurFault):
    """A Python function can't be found, imported or described to a model; the message says what to do."""


class NotNow(OurFault):
    """What an operator wants can't be done as things are; the message says why."""


class NoSuchDestination(OurFault):
    """An operator named a destination that is not in the configuration; the message names those that are."""


class NotReachable(OurFault):
    """No daemon answers on its control socket; the message names the socket and the fix."""


class OutboxFull(OurFault):
    """More frames wait to be sent on one call than a live connection could ever leave unsent."""


class ToolFailed(TheirFault):
    """Raised by a Python tool: it did not work, and the message is what the model is told about it.

    The message may hold people's data: it goes to the model, and never into a log.
    """


class LookupFailed(TheirFault):
    """There is no usable answer about a caller; the message says why, and nothing of what was asked or answered."""


class WebhookRefused(TheirFault):
    """A delivery that is answered with a 4xx.

    `status` is the HTTP status; `reason` is a short code for logs and metrics (`bad_signature`, `old_signature`);
    `answer` is what the sender is told, which says nothing about why a signature failed.
    """

    def __init__(self, status: int, reason: str, answer: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.answer = answer


class CarrierError(TheirFault):
    """A carrier's REST API did not do what was asked. The message never holds a secret of ours."""


class CarrierUnavailable(CarrierError):
    """No usable answer: refused or cut connection, time-out, 5xx or 429. Another try may succeed.

    Whether a change was carried out is not known: look before trying again. `retry_after` is in seconds.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CarrierRefused(CarrierError):
    """A definite refusal; `status` is the HTTP status, and the message says what the carrier said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class PlatformError(TheirFault):
    """The platform did not do what was asked."""


class PlatformUnavailable(PlatformError):
    """No usable answer: refused or cut connection, time-out, 5xx or 429. Another try may succeed.

    `retry_after` is the platform's own wish in seconds, when it stated one.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PlatformRefused(PlatformError):
    """A definite 4xx; `status`, and `code` and `detail` from the body when it had them."""

    def __init__(self, status: int, code: str = "", detail: str = "") -> None:
        super().__init__(": ".join(part for part in (f"HTTP {status}", code, detail) if part))
        self.status = status
        self.code = code
        self.detail = detail


class CallNotFound(PlatformRefused):
    """404, 409 or 410 for a call: it is not there, or not any more."""


class NotAuthorized(PlatformRefused):
    """401 or 403: the API key is wrong, expired, or lacks a right."""


class PlatformProtocolError(PlatformError):
    """The platform broke its own protocol in a way that leaves nothing to go on with."""
