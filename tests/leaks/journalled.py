"""`python -m tests.leaks.journalled SOCKET run ...`: the command line, with a journal of the test's own making."""

import sys
from functools import partial
from unittest.mock import patch

from daemon.cli.main import main
from daemon.observe import journald

if __name__ == "__main__":
    with patch.object(journald, "Journal", partial(journald.Journal, sys.argv.pop(1))):
        main()
