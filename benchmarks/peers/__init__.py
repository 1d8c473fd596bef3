"""The peers: each does what the product does at its core, the way its library has it done.

A peer takes signed webhooks on the socket it inherits, joins the call, configures the session, and reads events. It
says READY as a service does, and writes what it counted into a file when it is asked to end.
"""
