"""Sessions: begun by the token, bounded in time and in number."""

from daemon.config import Secret
from daemon.console.sessions import FAILURES, LIFETIME, MOST, WINDOW, Sessions
from daemon.operate.access import Gate
from daemon.web.peers import Peer

TOKEN = "0123456789abcdef"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def sessions(clock: Clock) -> Sessions:
    return Sessions(Gate(Secret(TOKEN)), clock)


def test_a_session_lasts_for_a_while() -> None:
    clock = Clock()
    known = sessions(clock)
    cookie = known.open(TOKEN)
    assert cookie is not None
    visitor = known.visitor(None, cookie)
    assert visitor is not None
    assert (visitor.who, visitor.may_leave, visitor.welcome()) == ("operator with token", True, True)
    assert known.visitor(None, "") is None
    assert known.visitor(None, cookie + "x") is None
    assert known.visitor(None, "\udcff") is None
    clock.now = LIFETIME
    assert not visitor.welcome()
    assert known.visitor(None, cookie) is None
    assert len(known) == 0


def test_each_has_a_proof_of_its_own() -> None:
    known = sessions(Clock())
    visitors = [known.visitor(None, known.open(TOKEN) or "") for _ in range(2)]
    peers = [known.visitor(Peer(pid=1, uid=uid, gid=1), "") for uid in (1, 2, 1)]
    proofs = [each.proof if each else "" for each in (*visitors, *peers)]
    assert len(set(proofs)) == 4  # a user is the same in two connections
    assert proofs[2] == proofs[4]
    assert peers[0] is not None
    assert not peers[0].may_leave


def test_the_one_that_was_used_longest_ago_makes_room() -> None:
    known = sessions(Clock())
    first, second = known.open(TOKEN), known.open(TOKEN)
    assert first is not None
    assert second is not None
    for _ in range(MOST - 2):
        known.open(TOKEN)
    known.visitor(None, first)
    known.open(TOKEN)
    assert len(known) == MOST
    assert known.visitor(None, first) is not None
    assert known.visitor(None, second) is None


def test_too_many_wrong_tokens() -> None:
    clock = Clock()
    known = sessions(clock)
    for _ in range(FAILURES):
        assert known.wait() == 0.0
        assert known.open("wrong") is None
    assert known.wait() == WINDOW
    assert known.open(TOKEN) is None
    clock.now = WINDOW
    assert known.open(TOKEN) is not None


def test_without_a_token_nobody_has_the_right_one() -> None:
    known = Sessions(Gate(None), Clock())
    assert known.open("") is None
    assert known.open("None") is None


def test_closing_what_is_none() -> None:
    known = sessions(Clock())
    known.close("nothing")
    cookie = known.open(TOKEN) or ""
    known.close(cookie)
    assert known.visitor(None, cookie) is None
