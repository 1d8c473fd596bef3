"""The lookup room: what a server of the operator's knows of a caller.

`fetching.py` sends the one request, `answer.py` reads what came back, `caller.py` puts the two together within the time
there is. May import config, core, errors, texts, httpx and Trio. Must never let an answer, or the lack of one, end a
call, and must never log what was asked or answered: both are about people.
"""
