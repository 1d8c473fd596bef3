"""The name of the command, wherever it is installed."""

PROGRAM = "callwarden"
