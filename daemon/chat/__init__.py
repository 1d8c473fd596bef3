"""The chat room: one call by text, with somebody at a terminal in the caller's place and no telephone anywhere.

What is talked to is the real thing: the configured agent, the call's own tasks, its tools, the platform's WebSocket (an
ordinary session, or the sandbox's). What stands in is only the caller's leg: `keyboard.py` reads what is typed,
`leg.py` makes of it what the platform would, `platform.py` joins and transfers nobody, `talk.py` puts it all together.
Prints nothing; `cli/chat.py` does.
"""
