"""The public way in: one signed webhook and two health answers, behind a server that strangers cannot hurt.

`serve.py` owns the listeners, `connection.py` one task tree per connection, `protocol.py` what HTTP we speak;
`ingress.py` puts the routes of `webhook.py` and `health.py` together; `signature.py` decides whom to believe. May
import errors, core, calls.admission, observe, config and platforms; never a call's inside.
"""
