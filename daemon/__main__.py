"""`python -m daemon` is `callwarden`. Imports the command line only."""

from daemon.cli.main import main

if __name__ == "__main__":
    main()
