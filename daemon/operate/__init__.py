"""The operator's surfaces: signals, and what systemd is told. Imports observe, core, errors; never a call's inside."""
