"""Credentials for setting things up: from the environment, from files, or from systemd. Never from arguments.

`NAME` is looked for as the variable `$NAME`, as the file that `$NAME_FILE` names, and as the systemd credential
`name` (lower case, with dashes) in `$CREDENTIALS_DIRECTORY`. Names are those of the carriers' own tools. The daemon
itself never needs any of them. Owned by the commands; imports config, carriers and errors.
"""

from collections.abc import Mapping

from daemon.carriers.api import Manners
from daemon.carriers.plivo_account import PlivoManners
from daemon.carriers.telnyx_account import TelnyxManners
from daemon.carriers.twilio_account import TwilioManners
from daemon.config import Secret
from daemon.config.secrets import resolve

SIP_VARIABLE = "CALLWARDEN_SIP_PASSWORD"

NEEDED = {
    "twilio": ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
    "telnyx": ("TELNYX_API_KEY",),
    "plivo": ("PLIVO_AUTH_ID", "PLIVO_AUTH_TOKEN"),
}
"""What each carrier needs; at Twilio, TWILIO_API_KEY and TWILIO_API_SECRET can stand for the token."""


def find_secret(name: str, env: Mapping[str, str]) -> Secret | None:
    """A credential by its name, wherever it is; None if nobody says where.

    Errors: `ValueError` if somebody does and it is not there; the message names the variable or file.
    """
    if env.get(name):
        return resolve(f"${{env:{name}}}", env)
    if env.get(f"{name}_FILE"):
        return resolve(f"${{file:{env[f'{name}_FILE']}}}", env)
    credential = name.lower().replace("_", "-")
    if env.get("CREDENTIALS_DIRECTORY"):
        try:
            return resolve(f"${{credential:{credential}}}", env)
        except ValueError:
            return None  # the directory holds what the daemon needs, and need not hold this
    return None


def find_manners(carrier: str, env: Mapping[str, str], base_url: str = "") -> Manners | None:
    """How to speak to a carrier as this account; None if a credential is missing. Errors: `ValueError`."""
    found = {name: find_secret(name, env) for name in NEEDED.get(carrier, ())}
    match carrier:
        case "twilio":
            return _twilio(found["TWILIO_ACCOUNT_SID"], found["TWILIO_AUTH_TOKEN"], env, base_url)
        case "telnyx" if found["TELNYX_API_KEY"] is not None:
            return TelnyxManners(found["TELNYX_API_KEY"], base_url)
        case "plivo" if found["PLIVO_AUTH_ID"] is not None and found["PLIVO_AUTH_TOKEN"] is not None:
            return PlivoManners(found["PLIVO_AUTH_ID"].reveal(), found["PLIVO_AUTH_TOKEN"], base_url)
    return None


def _twilio(
    account: Secret | None, token: Secret | None, env: Mapping[str, str], base_url: str
) -> TwilioManners | None:
    if account is None:
        return None
    key, secret = find_secret("TWILIO_API_KEY", env), find_secret("TWILIO_API_SECRET", env)
    if key is not None and secret is not None:
        return TwilioManners(account.reveal(), key.reveal(), secret, base_url)
    return None if token is None else TwilioManners(account.reveal(), account.reveal(), token, base_url)


def account_of(carrier: str, env: Mapping[str, str]) -> str:
    """The account's id, which is part of paths; a stand-in where there are no credentials."""
    names = {"twilio": "TWILIO_ACCOUNT_SID", "plivo": "PLIVO_AUTH_ID"}
    found = find_secret(names[carrier], env) if carrier in names else None
    return found.reveal() if found is not None else "{account}"
