"""Rehearsals: scripted calls against an operator's own configuration, in memory and in virtual time.

A file says who calls, what the caller says and presses, what the model does when its turn comes, what tools answer,
and what is expected of Callwarden. Everything between caller and model is the real thing: supervisor, calls, the wire's
frames. No network, no key, no secret; an hour's call takes milliseconds.

    records.py   what a file may hold
    reading.py   from files to records, or to the list of everything that is wrong
    stubs.py     what stands in for tools and for the server that knows callers
    playing.py   one call, from its webhook to its receipt
    judging.py   what happened, held against what was expected
"""
