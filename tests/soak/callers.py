"""Who calls in a long run: short calls of every kind, and senders of webhooks that repeat, err and lie."""

import json
from collections import Counter
from random import Random

import httpx
import trio

from daemon.observe.clock import system_clock
from daemon.sandbox.script import Drop, Emit, Leave, Press, Reply, Say, Script, Use, Wait
from daemon.sandbox.sender import incoming_event, sign
from daemon.sandbox.switchboard import SandboxCall, Switchboard
from tests.configured import SIGNING_SECRET
from tests.process.nodes import Node

IMPOSTOR = "whsec_" + "aW1wb3N0b3I=" * 4
WORDS = ("yes", "no", "hello", "where", "is", "my", "order", "please", "thank", "you", "goodbye", "tell", "me")
CARD = "4111111111111111"
"""Somebody types a card number; it must be nowhere."""
SECRET_WORDS = "my password is kumquat marmalade"
"""Somebody says what must not be logged."""
FRAMES = (
    "}{",
    "[1, 2]",
    '{"type": "brand.new", "x": 1}',
    '{"type": "response.done", "response": 7}',
    '{"type": "error", "error": {"type": "server_error", "message": "hiccup"}}',
)
LONGEST = 12.0
"""Seconds after which a caller hangs up, whatever is going on."""


def script(dice: Random) -> tuple[str, Script]:
    """A call of some seconds, and what kind it is."""
    words = " ".join(dice.choice(WORDS) for _ in range(dice.randint(1, 4)))
    answer = Reply(" ".join(dice.choice(WORDS) for _ in range(dice.randint(2, 6))))
    books = Reply(tool="book", arguments='{"day": "monday"}')
    ends = Reply("Goodbye then.", tool="hang_up", arguments='{"reason": "all said"}')
    moves = Reply("One moment.", tool="transfer", arguments='{"destination": "front_desk"}')
    wild = Reply(tools=(Use("book", "not json"), Use("sing"), Use("transfer", '{"destination": "tel:+19005551234"}')))
    kinds: dict[str, tuple[tuple[object, ...], tuple[Reply, ...]]] = {
        "talks": ((Say(words), Say("and then?"), Leave()), (answer, answer)),
        "books": ((Say(words), Wait(0.5), Say("again"), Wait(0.3), Leave()), (books, answer, books, answer)),
        "is sent away": ((Say(words), Wait(6)), (answer, ends)),
        "is transferred": ((Say(words), Wait(6), Leave()), (moves,)),
        "types": ((Say(words), Press(CARD + "#", gap=0.02), Wait(0.5), Leave()), (answer, answer)),
        "says what is secret": ((Say(SECRET_WORDS), Wait(0.4), Leave()), (answer,)),
        "is cut off by the platform": ((Say(words), Drop(1011), Wait(1), Leave()), (answer,)),
        "hears nonsense": ((Say(words), *map(Emit, FRAMES), Wait(0.5), Leave()), (answer, wild, answer)),
        "leaves at once": ((Leave(over=True),), ()),
        "is silent": ((), ()),
    }
    kind = dice.choices(list(kinds), weights=(30, 15, 10, 8, 8, 6, 6, 6, 6, 5))[0]
    steps, replies = kinds[kind]
    return kind, Script(steps=steps, replies=replies, seconds_per_word=0.05)  # type: ignore[arg-type]


class Crowd:
    """Everybody who calls, and what their webhooks were answered."""

    def __init__(self, board: Switchboard, node: Node, dice: Random, client: httpx.AsyncClient) -> None:
        self._board, self._node, self._dice, self._client = board, node, dice, client
        self.calls: dict[str, SandboxCall] = {}
        self.kinds: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        """Status and result of every answer."""
        self.taken: set[str] = set()
        """Calls of which a delivery was answered with 200: they are ours to account for."""
        self.claimed: Counter[str] = Counter()
        """How often a call was claimed by the daemon's own word."""
        self.wrong: list[str] = []
        """Answers that should not be."""
        self.worst_answer = 0.0
        """Seconds, of deliveries that were answered while the daemon was there."""

    async def come(self, rate: float, seconds: float) -> None:
        """Let people dial, at random moments, `rate` of them a second; ends when the last one has gone."""
        until = trio.current_time() + seconds
        async with trio.open_nursery() as nursery:
            while trio.current_time() < until:
                await trio.sleep(self._dice.expovariate(rate))
                kind, played = script(self._dice)
                self.kinds[kind] += 1
                call = self._board.place(played)
                self.calls[call.id] = call
                if self._dice.random() < 0.03:
                    call.join_refusals += self._dice.choice(([404], [503], [429, 500], [404, 404]))
                if self._dice.random() < 0.05:
                    call.hang_up_refusals += self._dice.choice(([500], [503, 502], [429]))
                if self._dice.random() < 0.2:
                    call.refer_status = self._dice.choice((502, 504, 500))
                nursery.start_soon(self._be, call)

    async def _be(self, call: SandboxCall) -> None:
        """One caller: is announced, talks, and has gone in the end."""
        async with trio.open_nursery() as nursery:
            for _ in range(self._dice.choice((1, 1, 1, 1, 2, 3))):
                nursery.start_soon(self._announce, call, f"msg_{call.id}")
            if self._dice.random() < 0.05:
                nursery.start_soon(self._announce, call, f"other_{call.id}")
            if self._dice.random() < 0.1:
                nursery.start_soon(self._lie, call)
            with trio.move_on_after(LONGEST):
                await call.over.wait()
            call.end("caller")

    async def _announce(self, call: SandboxCall, webhook_id: str) -> None:
        """Deliver until it is taken, as the platform does; the caller may have gone meanwhile."""
        for _ in range(200):
            status, result = await self._deliver(call, webhook_id, SIGNING_SECRET)
            if status == 200:
                if result == "stale":
                    return
                self.taken.add(call.id)
                self.claimed[call.id] += result == "claimed"
                return
            if status not in (0, 503):
                self.wrong.append(f"{call.id}: {status} {result}")
                return
            await trio.sleep(self._dice.uniform(0.1, 0.4))
        self.wrong.append(f"{call.id}: nobody took it")

    async def _lie(self, call: SandboxCall) -> None:
        """Deliver what must be refused."""
        status, result = await self._deliver(call, f"lie_{call.id}", IMPOSTOR)
        if status not in (0, 401):
            self.wrong.append(f"{call.id}: an impostor was answered {status} {result}")

    async def _deliver(self, call: SandboxCall, webhook_id: str, secret: str) -> tuple[int, str]:
        at = system_clock()
        body = json.dumps(incoming_event(call, created_at=int(at)))
        began = trio.current_time()
        try:
            answer = await self._client.post(
                self._node.url, content=body, headers=sign(body, secret, webhook_id, at), timeout=30
            )
        except httpx.TransportError as error:
            self.answers[type(error).__name__] += 1
            return 0, ""
        if self._node.process is not None:
            self.worst_answer = max(self.worst_answer, trio.current_time() - began)
        result = answer.json().get("result", "") if answer.status_code in (200, 503) else ""
        self.answers[f"{answer.status_code} {result}".strip()] += 1
        return answer.status_code, result
