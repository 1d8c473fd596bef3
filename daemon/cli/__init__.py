"""The command line: `callwarden COMMAND`. One file per command; imports everything, is imported by nothing.

Exit codes: 0 done, 1 failed (`run`: hang-ups are still owed), 2 wrong usage, 3 no daemon took an order, 69 something
that is needed is missing (an address, a file, the ledger), 70 an error of ours, 75 the drain deadline ended calls, 78
the configuration, or a ledger of a newer version, can't be used.
"""
