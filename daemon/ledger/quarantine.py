"""Putting a corrupt database aside, so that a new one can be begun and the old one be looked into. SQLite only.

Plain; for a worker thread. Owned by the keeper. Imports this room's engine, failures and place.
"""

from pathlib import Path

import structlog

from daemon.errors import LedgerUnavailable
from daemon.ledger.engine import Engines, file_id
from daemon.ledger.failures import LedgerCorrupt
from daemon.ledger.place import Place


def move_away(corrupt: LedgerCorrupt, engines: Engines, place: Place, ours: tuple[str, ...]) -> None:
    """Move the file that was found corrupt, unless another one is in its place by now; none of ours may be open.

    Errors: `LedgerUnavailable` if it can't be moved; also while another daemon has it open, as it would go on writing
    into it, or delete what belongs to the new one.
    """
    if engines.file is None or file_id(engines.file) != corrupt.file:
        return
    if place.others_live(*ours):
        raise LedgerUnavailable(f"{corrupt}; it is moved away once no other daemon in {place.folder} has it open")
    file = Path(engines.file)
    number = 1
    while (aside := file.with_name(f"{file.name}.corrupt-{number}")).exists():
        number += 1
    try:
        for suffix in ("-wal", "-shm", ""):
            part = file.with_name(file.name + suffix)
            if part.exists():
                part.rename(f"{aside}{suffix}")
    except OSError as error:
        raise LedgerUnavailable(f"{corrupt}; it can't be moved: {error.strerror}") from error
    structlog.get_logger().error("ledger_moved_away", to=str(aside), fix="a new one was begun; look into the old one")
