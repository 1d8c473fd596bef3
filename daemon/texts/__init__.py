"""The texts room: what an agent is told and what it says first, made from templates and what is known of a call.

`template.py` compiles and renders, `dialect.py` says what a template may hold, `facts.py` what it may speak of. May
import core, errors, the standard library, jinja2 and msgspec. Must never read a file, a clock or a header.
"""
