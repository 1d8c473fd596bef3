"""Twilio Elastic SIP Trunking: a trunk for each number, with one origination URL that carries the number.

Facts: Twilio's OpenAPI and trunking guides. Names of trunks are not unique and creating is not idempotent; attaching a
number to a trunk deletes its voice application and makes its voice URLs ineffective, so both are remembered. A number
is never released. Plain code.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from daemon.carriers.base import Carrier, Change, Look, Memory, Plan
from daemon.carriers.twilio_account import OriginationUrl, Seen, SeenTrunk, Trunk, TwilioNumber, look

_LONGEST_NAME: Final = 64


class Twilio(Carrier[Seen]):
    """One number at Twilio."""

    name = "twilio"

    def __init__(
        self, number: str, target: str, *, account: str, transfers: bool = True, take_over: bool = False
    ) -> None:
        self._number = number
        self._target = target
        self._numbers = f"/2010-04-01/Accounts/{account}/IncomingPhoneNumbers"
        self._transfers = transfers
        self._take_over = take_over
        self._trunk_name = f"callwarden {number}"[:_LONGEST_NAME]

    def nothing(self) -> Seen:
        """A number that goes nowhere yet."""
        return Seen(number=TwilioNumber(sid="{number}", phone_number=self._number))

    def look(self, memory: Memory) -> Look[Seen]:
        """List all trunks and keep those that may be ours, with their URLs and numbers; find the number."""
        mine = frozenset(sid for sid, number in memory.made.items() if number == self._number)
        return (yield from look(self._trunk_name, mine, self._numbers, self._number))

    def found(self, seen: Seen) -> dict[str, str]:
        """Our trunk, and the URL on it."""
        ours = self._ours(seen, Memory())
        if len(ours) != 1:
            return {}
        there = {f"trunk {self._trunk_name}": ours[0].trunk.sid}
        url = self._url_on(ours[0])
        return there if url is None else there | {f"origination URL {self._target}": url.sid}

    def route(self, seen: Seen) -> dict[str, str] | None:
        """The other trunk, the application or the URL that takes the calls."""
        number = seen.number
        if number is None or self._is_ours(seen, number.trunk_sid):
            return None
        keys = ("trunk_sid", "voice_application_sid", "voice_url", "voice_method")
        return {key: value for key in keys if (value := getattr(number, key))}

    def plan(self, seen: Seen, memory: Memory) -> Plan:
        """Trunk, then its transfer mode, then the URL, and last the number."""
        refusals = self._refusals(seen, memory)
        if refusals or seen.number is None:
            return Plan(refusals=refusals)
        ours = self._ours(seen, memory)
        trunk = ours[0] if ours else SeenTrunk(Trunk("{trunk}", transfer_mode="enable-all"), (), ())
        changes = [*([] if ours else [self._make_trunk()]), *self._on_trunk(trunk, memory)]
        if seen.number.trunk_sid != trunk.trunk.sid:
            changes.append(self._attach(seen.number, trunk.trunk.sid))
        on = trunk.trunk.transfer_mode == "enable-all" if ours else self._transfers
        return Plan(
            changes=tuple(changes),
            notes=self._notes(trunk),
            facts={"transfers": "on" if on else "off"},
        )

    def undo(self, seen: Seen, memory: Memory) -> Plan:
        """The number first, with where it went before; then what was made for it."""
        ours = self._ours(seen, memory)
        if len(ours) > 1:
            return Plan(refusals=(self._ambiguous(ours),))
        trunk = ours[0] if ours else None
        changes = self._detach(seen.number, trunk, memory.previous or {})
        if trunk is None:
            return Plan(changes=tuple(changes))
        sid = trunk.trunk.sid
        others = [number for number in trunk.numbers if number != self._number]
        if sid not in memory.made:
            return Plan(changes=tuple(changes), notes=(f"trunk {sid} was not made from here; it is left alone",))
        if others:
            note = f"trunk {sid} is left: {', '.join(others)} was attached to it by somebody else"
            return Plan(changes=tuple(changes), notes=(note,))
        changes += [_delete("origination URL", f"{_url_path(sid)}/{url.sid}", url.sid) for url in trunk.urls]
        changes.append(_delete("trunk", f"/v1/Trunks/{sid}", sid))
        return Plan(changes=tuple(changes))

    def _ours(self, seen: Seen, memory: Memory) -> list[SeenTrunk]:
        """A name alone proves nothing: a trunk of ours was made from here, leads to our target, or nowhere yet."""
        return [
            trunk
            for trunk in seen.trunks
            if memory.made.get(trunk.trunk.sid) == self._number or not trunk.urls or self._url_on(trunk)
        ]

    def _is_ours(self, seen: Seen, sid: str | None) -> bool:
        return any(trunk.trunk.sid == sid for trunk in self._ours(seen, Memory()))

    def _url_on(self, trunk: SeenTrunk) -> OriginationUrl | None:
        return next((url for url in trunk.urls if url.sip_url == self._target), None)

    def _ambiguous(self, trunks: list[SeenTrunk]) -> str:
        sids = ", ".join(trunk.trunk.sid for trunk in trunks)
        return f'there are {len(trunks)} trunks that could be "{self._trunk_name}": {sids}; delete all but one'

    def _refusals(self, seen: Seen, memory: Memory) -> tuple[str, ...]:
        number, ours = seen.number, self._ours(seen, memory)
        if number is None:
            return (f"{self._number} is not in this Twilio account; buy it there, or use the account that has it",)
        refusals = []
        if len(ours) > 1:
            refusals.append(self._ambiguous(ours))
        if seen.trunks and not ours:
            refusals.append(f"trunk {seen.trunks[0].trunk.sid} has our name and leads elsewhere; rename it")
        if number.capabilities is not None and not number.capabilities.voice:
            refusals.append(f"{self._number} can't take voice calls")
        if number.voice_receive_mode == "fax":
            refusals.append(f"{self._number} is set to receive faxes; set it to voice")
        if number.trunk_sid and not self._is_mine(number.trunk_sid, ours) and not self._take_over:
            refusals.append(f"{self._number} is on trunk {number.trunk_sid}; --take-over moves it from there")
        return tuple(refusals)

    def _is_mine(self, sid: str, ours: list[SeenTrunk]) -> bool:
        return any(trunk.trunk.sid == sid for trunk in ours)

    def _make_trunk(self) -> Change:
        body = {"FriendlyName": self._trunk_name} | ({"TransferMode": "enable-all"} if self._transfers else {})
        return Change(
            key=f"trunk {self._trunk_name}",
            sign="+",
            words=f'trunk "{self._trunk_name}"{", calls may be transferred" if self._transfers else ""}',
            method="POST",
            path="/v1/Trunks",
            body=body,
            makes=("sid",),
        )

    def _on_trunk(self, seen: SeenTrunk, memory: Memory) -> list[Change]:
        sid, mode, changes = seen.trunk.sid, seen.trunk.transfer_mode, []
        if self._transfers and mode != "enable-all":
            changes.append(
                Change(
                    key=f"transfers from trunk {self._trunk_name}",
                    sign="~",
                    words=f"transfer mode of the trunk: {mode or 'disable-all'} -> enable-all",
                    method="POST",
                    path=f"/v1/Trunks/{sid}",
                    body={"TransferMode": "enable-all"},
                )
            )
        url = self._url_on(seen)
        if url is None:
            changes += self._lead(seen, memory)
        elif url.enabled is False:
            changes.append(self._change_url(sid, url.sid, "enabled: no -> yes", {"Enabled": "true"}))
        return changes

    def _lead(self, seen: SeenTrunk, memory: Memory) -> list[Change]:
        """Make the trunk lead to our target: a URL that we made is corrected, and otherwise one is added."""
        sid = seen.trunk.sid
        mine = next((url for url in seen.urls if url.sid in memory.made), None)
        if mine is not None:
            what = {"SipUrl": self._target, "Enabled": "true"}
            return [self._change_url(sid, mine.sid, f"{mine.sip_url} -> {self._target}", what)]
        body = {"FriendlyName": "xAI", "SipUrl": self._target, "Priority": "10", "Weight": "10", "Enabled": "true"}
        return [
            Change(
                key=f"origination URL {self._target}",
                sign="+",
                words=f"origination URL {self._target}",
                method="POST",
                path=_url_path(sid),
                body=body,
                makes=("sid",),
            )
        ]

    def _change_url(self, trunk: str, url: str, words: str, body: dict[str, str]) -> Change:
        key, words = f"change of origination URL {self._target}", f"origination URL: {words}"
        return Change(key=key, sign="~", words=words, method="POST", path=f"{_url_path(trunk)}/{url}", body=body)

    def _attach(self, number: TwilioNumber, trunk: str) -> Change:
        words = f'{self._number}: {_where(number)} -> trunk "{self._trunk_name}"'
        key = f"route of {self._number}"
        if number.trunk_sid:
            path, body = f"{self._numbers}/{number.sid}.json", {"TrunkSid": trunk}
        else:
            path, body = f"/v1/Trunks/{trunk}/PhoneNumbers", {"PhoneNumberSid": number.sid}
        return Change(key=key, sign="~", words=words, method="POST", path=path, body=body, live=True)

    def _detach(self, number: TwilioNumber | None, trunk: SeenTrunk | None, before: Mapping[str, str]) -> list[Change]:
        if number is None:
            return []
        path = f"{self._numbers}/{number.sid}.json"
        if trunk is None or number.trunk_sid != trunk.trunk.sid:
            return self._restore(number, path, before)
        if before.get("trunk_sid"):
            body = {"TrunkSid": before["trunk_sid"]}
            return [self._reroute(path, body, f"our trunk -> trunk {before['trunk_sid']}")]
        off = Change(
            key=f"route of {self._number}",
            sign="-",
            words=f"{self._number}: our trunk -> none",
            method="DELETE",
            path=f"/v1/Trunks/{trunk.trunk.sid}/PhoneNumbers/{number.sid}",
            unmakes=number.sid,
            live=True,
        )
        bare = msgspec.structs.replace(number, trunk_sid=None, voice_application_sid=None)
        return [off, *self._restore(bare, path, before)]

    def _restore(self, number: TwilioNumber, path: str, before: Mapping[str, str]) -> list[Change]:
        """Give a number that goes nowhere back what it had; what somebody else has set since is left."""
        if number.trunk_sid or number.voice_application_sid:
            return []
        if application := before.get("voice_application_sid"):
            return [self._reroute(path, {"VoiceApplicationSid": application}, f"none -> application {application}")]
        if (url := before.get("voice_url")) and not number.voice_url:
            body = {"VoiceUrl": url, "VoiceMethod": before.get("voice_method", "POST")}
            return [self._reroute(path, body, "none -> its voice URL from before")]
        return []

    def _reroute(self, path: str, body: dict[str, str], words: str) -> Change:
        key = f"earlier route of {self._number}"
        words = f"{self._number}: {words}"
        return Change(key=key, sign="~", words=words, method="POST", path=path, body=body, live=True)

    def _notes(self, seen: SeenTrunk) -> tuple[str, ...]:
        notes = []
        others = [url.sip_url or url.sid for url in seen.urls if url.enabled and url.sip_url != self._target]
        if others:
            notes.append(f"the trunk also leads to {', '.join(others)}: calls are shared out, or fail over, to there")
        if seen.trunk.secure:
            notes.append("the trunk demands SRTP (secure), which the platform does not document; turn it off")
        return tuple(notes)


def _url_path(trunk: str) -> str:
    return f"/v1/Trunks/{trunk}/OriginationUrls"


def _delete(what: str, path: str, sid: str) -> Change:
    return Change(key=f"{what} {sid}", sign="-", words=f"{what} {sid}", method="DELETE", path=path, unmakes=sid)


def _where(number: TwilioNumber) -> str:
    """Where its calls go now, in words."""
    if number.trunk_sid:
        return f"trunk {number.trunk_sid}"
    if number.voice_application_sid:
        return f"application {number.voice_application_sid}"
    return "its voice URL" if number.voice_url else "none"
