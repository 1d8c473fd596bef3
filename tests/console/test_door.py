"""Coming in over TCP, and going."""

from pathlib import Path

from daemon.console.sessions import FAILURES
from tests.conftest import Logged
from tests.console.served import served_console
from tests.operate.fakes import TOKEN


async def test_the_token_is_shown_once_and_a_cookie_stands_for_it(tmp_path: Path, logged: Logged) -> None:
    async with served_console(tmp_path) as console:
        page = await console.tcp.get("/login")
        assert page.status_code == 200
        assert 'type="password"' in page.text
        assert (await console.log_in("wrong")).status_code == 401
        assert not console.tcp.cookies
        answer = await console.log_in(f" {TOKEN}\n")  # as it is pasted
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        cookie = answer.headers["Set-Cookie"]
        for part in ("HttpOnly", "SameSite=Strict", "Max-Age=43200", "Path=/"):
            assert part in cookie
        assert "Secure" not in cookie
        assert TOKEN not in cookie
        assert (await console.tcp.get("/login")).headers["Location"] == "/"
        told = (await console.tcp.get("/")).text
        assert "operator with token" in told
        assert "Log out" in told
    assert TOKEN not in str(logged())
    assert console.tcp.cookies["callwarden"] not in str(logged())


async def test_behind_tls_the_cookie_stays_there(tmp_path: Path) -> None:
    async with served_console(tmp_path) as console:
        answer = await console.tcp.post("/login", data={"token": TOKEN}, headers={"X-Forwarded-Proto": "https"})
        assert "Secure" in answer.headers["Set-Cookie"]


async def test_leaving(tmp_path: Path) -> None:
    async with served_console(tmp_path) as console:
        await console.log_in()
        cookie = dict(console.tcp.cookies)
        assert (await console.tcp.post("/logout", data={"proof": "0" * 64})).status_code == 403
        answer = await console.act_on_page("/", "/logout")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
        assert not console.tcp.cookies
        console.tcp.cookies.update(cookie)
        assert (await console.tcp.get("/")).headers["Location"] == "/login"  # it is over here too


async def test_wrong_tokens_are_looked_at_a_few_times_only(tmp_path: Path, logged: Logged) -> None:
    async with served_console(tmp_path) as console:
        for _ in range(FAILURES):
            assert (await console.log_in("wrong")).status_code == 401
        answer = await console.log_in(TOKEN)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert "Try again in" in answer.text
        # Whoever comes by the socket is not kept out by that.
        assert (await console.unix.get("/")).status_code == 200
        assert (await console.unix.get("/login")).headers["Location"] == "/"
    assert any(line["event"] == "operator_refused" for line in logged())
