"""Plivo SIP trunking: one origination URI and one inbound trunk for all numbers, each number assigned to the trunk.

Facts: Plivo's references and CLI, and the platform's recipe (inbound trunk, URI with the host). Plivo puts the dialled
number into the request URI itself. It can call with digest credentials, which is why the SIP password comes in here;
a number that has some gets a URI and a trunk of its own, because they hang on the URI. The password is never told
again, so that it was given is remembered. Plain code; the wire is in `plivo_account.py`.
"""

from typing import Any, Final

from daemon.carriers.base import Carrier, Change, Look, Memory, Plan, Sign
from daemon.carriers.plivo_account import PlivoNumber, Seen, Trunk, Uri, look
from daemon.config import Secret

NAME: Final = "callwarden"


class Plivo(Carrier[Seen]):
    """One number at Plivo."""

    name = "plivo"

    def __init__(
        self,
        number: str,
        host: str,
        *,
        auth_id: str,
        username: str = "",
        password: Secret | None = None,
        take_over: bool = False,
    ) -> None:
        self._number = number
        self._uri = f"{host};transport=tls"
        self._base = f"/v1/Account/{auth_id}"
        self._trunk_name = f"{NAME} {number}" if username else NAME
        self._uri_name = f"{self._trunk_name} xAI"
        self._username = username
        self._password = password
        self._take_over = take_over

    def nothing(self) -> Seen:
        """A number that goes nowhere yet."""
        return Seen(number=PlivoNumber(number=self._number.removeprefix("+")))

    def look(self, memory: Memory) -> Look[Seen]:
        """List URIs and inbound trunks, and find the number; Plivo has no filter by name, so memory is of no use."""
        del memory
        return (yield from look(self._base, NAME, self._number))

    def found(self, seen: Seen) -> dict[str, str]:
        """Our URI, and our trunk."""
        uris, trunks = self._uris(seen, Memory()), self._trunks(seen, Memory())
        there = {f"origination URI {self._uri}": uris[0].uri_uuid} if len(uris) == 1 else {}
        return there | ({f"inbound trunk {self._trunk_name}": trunks[0].trunk_id} if len(trunks) == 1 else {})

    def route(self, seen: Seen) -> dict[str, str] | None:
        """The other application or trunk that takes the calls."""
        number = seen.number
        if number is None or any(number.route == trunk.trunk_id for trunk in self._trunks(seen, Memory())):
            return None
        return {"app_id": number.route} if number.route else {}

    def plan(self, seen: Seen, memory: Memory) -> Plan:
        """URI, then trunk, and last the number."""
        uris, trunks = self._uris(seen, memory), self._trunks(seen, memory)
        refusals = self._refusals(seen, memory, uris, trunks)
        if refusals or seen.number is None:
            return Plan(refusals=refusals)
        uri, trunk = next(iter(uris), None), next(iter(trunks), None)
        changes = [self._make_uri()] if uri is None else self._right_uri(uri, memory)
        uri_id = uri.uri_uuid if uri else "{uri}"
        changes += [self._make_trunk(uri_id)] if trunk is None else self._right_trunk(trunk, uri_id)
        trunk_id = trunk.trunk_id if trunk else "{trunk}"
        if seen.number.route != trunk_id:
            before = seen.number.route or "none"
            words = f"{before} -> trunk {self._trunk_name}"
            changes.append(self._assign(trunk_id, words, f"route of {self._number}", "~"))
        domain = (trunk.trunk_domain if trunk else None) or ""
        notes = ["Plivo transfers calls only to its own trunk domain: sip:+NUMBER@" + (domain or "TRUNK.zt.plivo.com")]
        if trunk is not None and trunk.secure:
            notes.append("the trunk demands SRTP (secure), which the platform does not document; turn it off")
        facts = {"transfers": "on", "trunk_domain": domain} if domain else {"transfers": "on"}
        return Plan(changes=tuple(changes), notes=tuple(notes), facts=facts)

    def undo(self, seen: Seen, memory: Memory) -> Plan:
        """The number back to where it was; then what no other number needs."""
        trunks = self._trunks(seen, memory)
        if len(trunks) > 1:
            return Plan(refusals=(self._ambiguous([trunk.trunk_id for trunk in trunks]),))
        trunk, changes, notes = next(iter(trunks), None), [], []
        before = (memory.previous or {}).get("app_id")
        on_ours = trunk is not None and seen.number is not None and seen.number.route == trunk.trunk_id
        if on_ours and before:
            key, words = f"earlier route of {self._number}", f"trunk {self._trunk_name} -> {before}"
            changes.append(self._assign(before, words, key, "-"))
        others = set() if trunk is None else set(seen.on_trunks.get(trunk.trunk_id, ()))
        kept = sorted((others | (frozenset() if self._username else memory.others)) - {self._number})
        if kept:
            notes.append(f"trunk and URI are left: they serve {', '.join(kept)}")
            if on_ours and not before:
                notes.append(
                    f"{self._number} had no application before, and stays on the trunk: change it in the console"
                )
            return Plan(changes=tuple(changes), notes=tuple(notes))
        if on_ours and not before:
            notes.append(f"{self._number} had no application before, and has none once the trunk is deleted")
        gone = set()
        if trunk is not None and trunk.trunk_id in memory.made:
            gone.add(trunk.trunk_id)
            path = f"{self._base}/Zentrunk/Trunk/{trunk.trunk_id}/"
            changes.append(_delete("inbound trunk", path, trunk.trunk_id, live=on_ours and not before))
        elif trunk is not None:
            notes.append(f"trunk {trunk.trunk_id} was not made from here; it is left alone")
        changes += self._drop_uris(seen, memory, gone)
        return Plan(changes=tuple(changes), notes=tuple(notes))

    def _drop_uris(self, seen: Seen, memory: Memory, gone: set[str]) -> list[Change]:
        """Our URIs, unless a trunk still leads there: that would fail its calls."""
        used = {
            uri
            for trunk in seen.trunks
            if trunk.trunk_id not in gone
            for uri in (trunk.primary_uri_uuid, trunk.fallback_uri_uuid)
        }
        made = [uri.uri_uuid for uri in self._uris(seen, memory) if uri.uri_uuid in memory.made]
        mine = [uri for uri in made if uri not in used]
        return [_delete("origination URI", f"{self._base}/Zentrunk/URI/{uri}/", uri) for uri in mine]

    def _uris(self, seen: Seen, memory: Memory) -> list[Uri]:
        """Ours have our name, and were made from here or lead to our target."""
        named = [uri for uri in seen.uris if uri.name == self._uri_name]
        return [uri for uri in named if uri.uri_uuid in memory.made or uri.uri == self._uri]

    def _trunks(self, seen: Seen, memory: Memory) -> list[Trunk]:
        """Ours have our name, and were made from here or lead to our URI."""
        leads = {uri.uri_uuid for uri in self._uris(seen, memory)}
        named = [trunk for trunk in seen.trunks if trunk.name == self._trunk_name]
        return [trunk for trunk in named if trunk.trunk_id in memory.made or trunk.primary_uri_uuid in leads]

    def _ambiguous(self, ids: list[str]) -> str:
        return f"there are {len(ids)} that could be ours: {', '.join(ids)}; delete all but one"

    def _refusals(self, seen: Seen, memory: Memory, uris: list[Uri], trunks: list[Trunk]) -> tuple[str, ...]:
        number = seen.number
        if number is None:
            return (f"{self._number} is not in this Plivo account; buy it there, or use the account that has it",)
        refusals = [self._ambiguous([uri.uri_uuid for uri in uris])] if len(uris) > 1 else []
        if len(trunks) > 1:
            refusals.append(self._ambiguous([trunk.trunk_id for trunk in trunks]))
        foreign = [trunk.trunk_id for trunk in seen.trunks if trunk.name == self._trunk_name and trunk not in trunks]
        if foreign and not trunks:
            refusals.append(f"trunk {foreign[0]} has our name and leads elsewhere; rename it")
        if number.voice_enabled is False:
            refusals.append(f"{self._number} can't take voice calls")
        ours = {*memory.made, *(trunk.trunk_id for trunk in trunks)}
        elsewhere = number.on_trunk and number.route not in ours
        if elsewhere and not self._take_over:
            refusals.append(f"{self._number} is on trunk {number.route}; --take-over moves it from there")
        if self._username and self._password is None and not any(self._authenticates(uri) for uri in uris):
            refusals.append("Plivo needs the SIP password of the registration; set CALLWARDEN_SIP_PASSWORD")
        return tuple(refusals)

    def _authenticates(self, uri: Uri) -> bool:
        return uri.authentication_needed is True and uri.username == self._username

    def _digest(self) -> dict[str, Any]:
        if not self._username or self._password is None:
            return {}
        credentials = {"username": self._username, "password": self._password.reveal()}
        return {"authentication_needed": True, **credentials}

    def _make_uri(self) -> Change:
        return Change(
            key=f"origination URI {self._uri}",
            sign="+",
            words=f"origination URI {self._uri}{f', as {self._username}' if self._username else ''}",
            method="POST",
            path=f"{self._base}/Zentrunk/URI/",
            body={"name": self._uri_name, "uri": self._uri, **self._digest()},
            hidden=frozenset({"password"}),
            makes=("uri_uuid",),
        )

    def _right_uri(self, uri: Uri, memory: Memory) -> list[Change]:
        wrong = []
        if uri.uri != self._uri:
            wrong.append(f"{uri.uri} -> {self._uri}")
        fresh = self._password is not None and not memory.password_known
        if self._username and (not self._authenticates(uri) or fresh):
            wrong.append(f"calls as {self._username}, with the SIP password")
        if not self._username and uri.authentication_needed:
            wrong.append("calls without credentials")
        if not wrong:
            return []
        off = {} if self._username else {"authentication_needed": False}
        return [
            Change(
                # As that of making it: who agreed to that agreed to what it is to be, should only half of it be done.
                key=f"origination URI {self._uri}",
                sign="~",
                words=f"origination URI: {', '.join(wrong)}",
                method="POST",
                path=f"{self._base}/Zentrunk/URI/{uri.uri_uuid}/",
                body={"uri": self._uri, **off, **self._digest()},
                hidden=frozenset({"password"}),
            )
        ]

    def _make_trunk(self, uri: str) -> Change:
        return Change(
            key=f"inbound trunk {self._trunk_name}",
            sign="+",
            words=f'inbound trunk "{self._trunk_name}" to that URI',
            method="POST",
            path=f"{self._base}/Zentrunk/Trunk/",
            body={"name": self._trunk_name, "trunk_direction": "inbound", "primary_uri_uuid": uri},
            makes=("trunk_id",),
        )

    def _right_trunk(self, trunk: Trunk, uri: str) -> list[Change]:
        body: dict[str, Any] = {}
        if trunk.primary_uri_uuid != uri:
            body["primary_uri_uuid"] = uri
        if trunk.trunk_status == "disabled":
            body["trunk_status"] = "enabled"
        if not body:
            return []
        return [
            Change(
                key=f"settings of inbound trunk {self._trunk_name}",
                sign="~",
                words=f"inbound trunk: {', '.join(f'{key} -> {value}' for key, value in body.items())}",
                method="POST",
                path=f"{self._base}/Zentrunk/Trunk/{trunk.trunk_id}/",
                # The API refuses an update that does not say this.
                body={"trunk_direction": "inbound", **body},
            )
        ]

    def _assign(self, app: str, words: str, key: str, sign: Sign) -> Change:
        return Change(
            key=key,
            sign=sign,
            words=f"{self._number}: {words}",
            method="POST",
            path=f"{self._base}/Number/{self._number.removeprefix('+')}/",
            body={"app_id": app},
            live=True,
        )


def _delete(what: str, path: str, one: str, *, live: bool = False) -> Change:
    key = words = f"{what} {one}"
    return Change(key=key, sign="-", words=words, method="DELETE", path=path, unmakes=one, live=live)
