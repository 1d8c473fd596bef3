"""Cutting a connection that a thread hangs on, on both engines."""

import threading
import time

import pytest
from sqlalchemy import exc, text

from daemon.ledger.engine import Engines
from daemon.ledger.grip import Grip
from tests.ledger.test_database import slow


def hang(engines: Engines, grip: Grip, ended: list[str]) -> None:
    with engines.durable.connect() as connection:
        try:
            with grip.on(connection), connection.begin():
                slow(connection)
        except exc.DBAPIError as error:
            ended.append(str(error.orig))


def test_a_thread_that_hangs_ends_when_it_is_cut(engines: Engines) -> None:
    grip, ended = Grip(), list[str]()
    thread = threading.Thread(target=hang, args=(engines, grip, ended))
    thread.start()
    time.sleep(0.1)
    assert not ended
    grip.cut()
    thread.join(5)
    assert not thread.is_alive()
    assert ended


def test_one_that_was_cut_before_it_began_does_not_begin(engines: Engines) -> None:
    grip, ended = Grip(), list[str]()
    grip.cut()
    thread = threading.Thread(target=hang, args=(engines, grip, ended))
    thread.start()
    if engines.file:
        # SQLite forgets an interruption of nothing.
        while thread.is_alive():
            grip.cut()
            time.sleep(0.01)
    thread.join(5)
    assert not thread.is_alive()
    assert grip.was_cut


def test_one_that_is_done_is_left_alone(engines: Engines) -> None:
    grip = Grip()
    with engines.durable.connect() as connection, grip.on(connection), connection.begin():
        connection.execute(text("SELECT 1"))
    grip.cut()
    with engines.durable.connect() as connection, connection.begin():
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("times", [1, 2])
def test_cutting_nothing_is_nothing(times: int) -> None:
    grip = Grip()
    for _ in range(times):
        grip.cut()
    assert grip.was_cut
