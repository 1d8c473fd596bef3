"""Calls in progress: who is let in, who owns which task, and how each call is ended.

`supervisor.py` owns the calls nursery; `call.py` owns one nursery per call; nothing else here opens one. The web
and operate rooms see only `admission.py`, never a call's inside.
"""
