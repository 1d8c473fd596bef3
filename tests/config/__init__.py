"""Tests of the configuration room: every wrong key gives its message, all at once, and no secret gets out."""
