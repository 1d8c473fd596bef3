"""Tests of daemon.web."""
