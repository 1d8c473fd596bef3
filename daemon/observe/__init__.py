"""Seeing: the clock on the wall, the log, the feed of what happens in calls. Every room above may call it.

Imports core and errors; never a room above it, and nothing here may raise into a call.
"""
