"""Telnyx: one FQDN connection for all numbers, its FQDN leading to the platform, and each number assigned to it.

Facts: Telnyx's API reference and SDK, and the platform's recipe (FQDN on port 5060, record type A, E.164 numbers).
Telnyx puts the dialled number into the request URI itself. Whether a number can be left without a connection is not
documented, so one that had none keeps ours until that is deleted. Plain code; the wire is in `telnyx_account.py`.
"""

from collections.abc import Mapping
from typing import Any, Final

from daemon.carriers.base import Carrier, Change, Look, Memory, Plan, Sign
from daemon.carriers.telnyx_account import CODECS, Fqdn, Inbound, Seen, SeenConnection, TelnyxNumber, look

NAME: Final = "callwarden"
_REGIONS: Final = {"us": "US", "europe": "Europe", "australia": "Australia"}
_TRANSFERS: Final = "Telnyx transfers calls only once it has enabled that for your account; ask its support, try one"


class Telnyx(Carrier[Seen]):
    """One number at Telnyx."""

    name = "telnyx"

    def __init__(
        self, number: str, host: str, *, region: str = "us", plus: bool = True, take_over: bool = False
    ) -> None:
        self._number = number
        self._host = host
        self._region = _REGIONS[region]
        self._dnis = "+e164" if plus else "e164"
        self._take_over = take_over

    def nothing(self) -> Seen:
        """A number that goes nowhere yet."""
        return Seen(number=TelnyxNumber(id="{number}", phone_number=self._number, status="active"))

    def look(self, memory: Memory) -> Look[Seen]:
        """Find connections of our name, their FQDNs and numbers, and the number with its voice settings."""
        return (yield from look(NAME, frozenset(memory.made), self._number))

    def found(self, seen: Seen) -> dict[str, str]:
        """Our connection, and its FQDN."""
        ours = self._ours(seen, Memory())
        if len(ours) != 1:
            return {}
        fqdn = self._fqdn_of(ours[0])
        there = {f"connection {NAME}": ours[0].connection.id}
        return there if fqdn is None else there | {f"FQDN {self._host}": fqdn.id}

    def route(self, seen: Seen) -> dict[str, str] | None:
        """The other connection that takes the calls."""
        number = seen.number
        if number is None or any(number.connection_id == ours.connection.id for ours in self._ours(seen, Memory())):
            return None
        return {"connection_id": number.connection_id} if number.connection_id else {}

    def plan(self, seen: Seen, memory: Memory) -> Plan:
        """Connection, then FQDN, then the connection's settings, and last the number."""
        ours = self._ours(seen, memory)
        refusals = self._refusals(seen, ours)
        if refusals or seen.number is None:
            return Plan(refusals=refusals)
        changes = []
        connection = ours[0] if ours else None
        if connection is None:
            changes.append(self._make_connection())
        fqdn = self._fqdn_of(connection) if connection else None
        connection_id = connection.connection.id if connection else "{connection}"
        if fqdn is None:
            changes.append(self._make_fqdn(connection_id))
        changes += self._settle(connection, connection_id, fqdn.id if fqdn else "{fqdn}")
        if seen.number.connection_id != connection_id:
            changes.append(self._assign(seen.number, connection_id))
        return Plan(changes=tuple(changes), notes=self._notes(seen, connection), facts={"transfers": "off"})

    def undo(self, seen: Seen, memory: Memory) -> Plan:
        """The number back to where it was; then what no other number needs."""
        ours = self._ours(seen, memory)
        if len(ours) > 1:
            return Plan(refusals=(self._ambiguous(ours),))
        if not ours:
            return Plan()
        connection, number = ours[0], seen.number
        changes, notes = [], []
        before = (memory.previous or {}).get("connection_id")
        on_ours = number is not None and number.connection_id == connection.connection.id
        if number is not None and on_ours and before:
            changes.append(self._back(number, before))
        others = [other for other in connection.numbers if other != self._number]
        if others or memory.others:
            kept = sorted({*others, *memory.others})
            notes.append(f"connection {connection.connection.id} is left: it serves {', '.join(kept)}")
            if on_ours and not before:
                notes.append(f"{self._number} had no connection before, and stays on it: assign it in the portal")
            return Plan(changes=tuple(changes), notes=tuple(notes))
        if connection.connection.id not in memory.made:
            note = f"connection {connection.connection.id} was not made from here; it is left alone"
            return Plan(changes=tuple(changes), notes=(note,))
        if on_ours and not before:
            notes.append(f"{self._number} had no connection before, and has none once ours is deleted")
        changes += [_delete("FQDN", f"/fqdns/{fqdn.id}", fqdn.id) for fqdn in connection.fqdns]
        connection_id = connection.connection.id
        changes.append(_delete("connection", f"/fqdn_connections/{connection_id}", connection_id))
        return Plan(changes=tuple(changes), notes=tuple(notes))

    def _ours(self, seen: Seen, memory: Memory) -> list[SeenConnection]:
        """A name alone proves nothing: ours was made from here, leads to the platform, or nowhere yet."""
        return [
            candidate
            for candidate in seen.connections
            if candidate.connection.id in memory.made or not candidate.fqdns or self._fqdn_of(candidate)
        ]

    def _fqdn_of(self, seen: SeenConnection) -> Fqdn | None:
        return next((fqdn for fqdn in seen.fqdns if (fqdn.fqdn, fqdn.port or 5060) == (self._host, 5060)), None)

    def _ambiguous(self, ours: list[SeenConnection]) -> str:
        ids = ", ".join(candidate.connection.id for candidate in ours)
        return f'there are {len(ours)} FQDN connections that could be "{NAME}": {ids}; delete all but one'

    def _refusals(self, seen: Seen, ours: list[SeenConnection]) -> tuple[str, ...]:
        number = seen.number
        if number is None:
            return (f"{self._number} is not in this Telnyx account; buy it there, or use the account that has it",)
        refusals = []
        if len(ours) > 1:
            refusals.append(self._ambiguous(ours))
        if seen.connections and not ours:
            refusals.append(
                f"connection {seen.connections[0].connection.id} has our name and leads elsewhere; rename it"
            )
        if number.status != "active":
            refusals.append(f"{self._number} is {number.status} at Telnyx, not active yet; wait for that")
        elsewhere = number.connection_id and all(number.connection_id != one.connection.id for one in ours)
        if elsewhere and not self._take_over:
            where = number.connection_name or number.connection_id
            refusals.append(f'{self._number} is on connection "{where}"; --take-over moves it from there')
        return tuple(refusals)

    def _inbound(self) -> dict[str, Any]:
        return {"dnis_number_format": self._dnis, "ani_number_format": "+E.164", "codecs": list(CODECS)}

    def _make_connection(self) -> Change:
        body = {
            "connection_name": NAME,
            "active": True,
            "transport_protocol": "UDP",
            "dtmf_type": "RFC 2833",
            "anchorsite_override": "Latency",
            "tags": [NAME],
            "inbound": self._inbound() | {"sip_region": self._region},
        }
        return Change(
            key=f"connection {NAME}",
            sign="+",
            words=f'FQDN connection "{NAME}": numbers as {self._dnis}, region {self._region}, {", ".join(CODECS)}',
            method="POST",
            path="/fqdn_connections",
            body=body,
            makes=("data", "id"),
        )

    def _make_fqdn(self, connection: str) -> Change:
        body = {"connection_id": connection, "fqdn": self._host, "port": 5060, "dns_record_type": "a"}
        return Change(
            key=f"FQDN {self._host}",
            sign="+",
            words=f"FQDN {self._host}, port 5060, record type A",
            method="POST",
            path="/fqdns",
            body=body,
            makes=("data", "id"),
        )

    def _settle(self, connection: SeenConnection | None, connection_id: str, fqdn: str) -> list[Change]:
        """Make the FQDN the primary one, and right what of the settings is wrong. All of `inbound` goes along."""
        inbound = (connection.connection.inbound if connection else None) or Inbound()
        wrong = []
        if inbound.default_primary_fqdn_id != fqdn:
            wrong.append(f"primary FQDN -> {self._host}")
        if connection is not None and inbound.dnis_number_format != self._dnis:
            wrong.append(f"dialled number {inbound.dnis_number_format} -> {self._dnis}")
        if connection is not None and connection.connection.active is False:
            wrong.append("active: no -> yes")
        if not wrong:
            return []
        body: dict[str, Any] = {"inbound": self._inbound() | {"default_primary_fqdn_id": fqdn}}
        if connection is not None and connection.connection.active is False:
            body["active"] = True
        return [
            Change(
                key=f"settings of connection {NAME}",
                sign="~",
                words=f"connection: {', '.join(wrong)}",
                method="PATCH",
                path=f"/fqdn_connections/{connection_id}",
                body=body,
            )
        ]

    def _assign(self, number: TelnyxNumber, connection: str) -> Change:
        before = number.connection_name or number.connection_id or "none"
        return self._reroute(number, connection, f"{before} -> connection {NAME}", "~", f"route of {self._number}")

    def _back(self, number: TelnyxNumber, connection: str) -> Change:
        words = f"connection {NAME} -> {connection}"
        return self._reroute(number, connection, words, "-", f"earlier route of {self._number}")

    def _reroute(self, number: TelnyxNumber, connection: str, words: str, sign: Sign, key: str) -> Change:
        return Change(
            key=key,
            sign=sign,
            words=f"{self._number}: {words}",
            method="PATCH",
            path=f"/phone_numbers/{number.id}",
            body={"connection_id": connection},
            live=True,
        )

    def _notes(self, seen: Seen, connection: SeenConnection | None) -> tuple[str, ...]:
        notes = [_TRANSFERS]
        voice: Mapping[str, Any] = seen.voice
        if (voice.get("call_forwarding") or {}).get("call_forwarding_enabled"):
            notes.append(f"call forwarding is on for {self._number}: its calls never get here; turn it off")
        if voice.get("translated_number"):
            notes.append(f"{self._number} is translated to another number before it is routed; clear translated_number")
        if voice.get("inbound_call_screening") == "reject_calls":
            notes.append(f"call screening of {self._number} rejects calls")
        codecs = connection.connection.inbound.codecs if connection and connection.connection.inbound else None
        if codecs and not set(codecs) & set(CODECS):
            notes.append(f"the connection has none of the codecs {', '.join(CODECS)}; add one of them")
        return tuple(notes)


def _delete(what: str, path: str, one: str) -> Change:
    return Change(key=f"{what} {one}", sign="-", words=f"{what} {one}", method="DELETE", path=path, unmakes=one)
