"""A number's record in the state directory: what is known of it, and what is under way with it.

The record is the journal of `registration.py`: it is written before each request that changes something, and after it,
so that whoever reads it knows what may have happened. Holds the SIP password only until that was shown, and never a
signing secret. Owned by `registration.py`; imports the standard library, msgspec, platforms and this room's modules.
"""

from pathlib import Path
from typing import Literal

import msgspec

from daemon.errors import SetupStopped
from daemon.numbers.files import Files
from daemon.platforms.xai.numbers import SIP_HOST, SipAuth


class SecretPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where one signing secret is kept, and how the configuration refers to it."""

    path: str
    """Full path of the file, plain or encrypted."""
    encrypted: bool = False
    """Encrypted by systemd-creds, for LoadCredentialEncrypted=."""
    credential: str = ""
    """Name of the systemd credential that the configuration refers to; empty if it names the file."""

    @property
    def reference(self) -> str:
        """What stands in the configuration."""
        return f"${{credential:{self.credential}}}" if self.credential else f"${{file:{self.path}}}"

    @property
    def unit_line(self) -> str:
        """What the systemd unit needs in order to hand over the secret; nothing if it needs nothing."""
        directive = "LoadCredentialEncrypted" if self.encrypted else "LoadCredential"
        return f"{directive}={self.credential}:{self.path}" if self.credential else ""

    def numbered(self, generation: int) -> "SecretPlace":
        """The place of a later secret: no secret is ever written over another one."""
        if generation == 1:
            return self
        path = Path(self.path)
        credential = f"{self.credential}-{generation}" if self.credential else ""
        # systemd finds an encrypted credential again by its name, which is that of the file.
        name = credential if self.encrypted else f"{path.stem}-{generation}{path.suffix}"
        return msgspec.structs.replace(self, path=str(path.with_name(name)), credential=credential)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A registration as it was asked for."""

    number: str
    name: str
    webhook_url: str
    webhook_name: str = "callwarden"
    sip: SipAuth


Phase = Literal["creating", "answered", "registered", "removing", "gone"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One number."""

    version: int = 1
    wanted: Wanted
    phase: Phase
    """`creating`: the number is to be registered. `answered`: it is, and the answer is kept. `registered`: the secret
    is where it belongs. `removing`: it is to be taken off. `gone`: it was."""
    sent: bool = False
    """In `creating`: a request to register went out, so the number may be registered without our knowing the secret."""
    again: bool = False
    """It is to be registered anew after it was taken off; until that is done, giving up is no option."""
    number_id: str = ""
    """The platform's id of the registration, once known."""
    removed: tuple[str, ...] = ()
    """Ids that were taken off: a list that still shows them is an old one."""
    sip_host: str = SIP_HOST
    generation: int = 1
    """How many secrets there were, the one that is or will be valid included."""
    base: SecretPlace
    """Where the first secret went; the later ones are numbered."""
    retired: tuple[int, ...] = ()
    """Generations whose secrets are still accepted."""
    sip_password: str = ""
    """Kept until it was shown."""
    told: bool = False
    """Whether the operator was told how the last registration ended."""

    @property
    def place(self) -> SecretPlace:
        """Where the valid secret is, or will be."""
        return self.base.numbered(self.generation)

    @property
    def references(self) -> tuple[str, ...]:
        """What the configuration should refer to, the valid secret first."""
        return (self.place.reference, *(self.base.numbered(generation).reference for generation in self.retired))

    @property
    def sip_uri(self) -> str:
        """Where the carrier is to send calls (SIP guide)."""
        return f"sip:{self.wanted.number}@{self.sip_host};transport=tls"


class Shelf:
    """A number's files: its record, and the platform's raw answers. Errors of all methods: `SetupStopped`."""

    def __init__(self, files: Files, number: str) -> None:
        self.files = files
        self.number = number

    def load(self) -> Record | None:
        """The record, if there is one."""
        raw = self.files.read(f"{self.number}.json")
        if raw is None:
            return None
        try:
            return msgspec.json.decode(raw, type=Record)
        except msgspec.DecodeError:
            path = self.files.path(f"{self.number}.json")
            raise SetupStopped(f"{path} is not a record of this version; move it away to start anew") from None

    def save(self, record: Record) -> None:
        """Write the record down."""
        self.files.write(f"{self.number}.json", msgspec.json.format(msgspec.json.encode(record)))

    def forget(self) -> None:
        """Remove the record."""
        self.files.remove(f"{self.number}.json")

    def keep_answer(self, generation: int, raw: bytes) -> None:
        """Keep the platform's answer before anybody tries to read it: it holds a secret that is shown once."""
        self.files.write(self._answer(generation), raw)

    def answer(self, generation: int) -> bytes | None:
        """The kept answer to the registration of a generation."""
        return self.files.read(self._answer(generation))

    def answer_path(self, generation: int) -> Path:
        """Where the kept answer is."""
        return self.files.path(self._answer(generation))

    def drop_answer(self, generation: int) -> None:
        """Remove the kept answer, once its secret is where it belongs."""
        self.files.remove(self._answer(generation))

    def _answer(self, generation: int) -> str:
        return f"{self.number}.answer-{generation}"
