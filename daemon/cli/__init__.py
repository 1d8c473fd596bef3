"""The command line: `callwarden COMMAND`. One file per command; imports everything, is imported by nothing.

Exit codes: 0 done, 1 failed (`run`: hang-ups are still owed), 2 wrong usage, 69 something the daemon needs is missing,
70 an error of ours, 75 the drain deadline ended calls, 78 the configuration can't be used.
"""
