"""Carriers: how each is told to send a number's calls to the platform, by its REST API or by hand.

    base.py     what a carrier is: it looks, and from what it sees it plans
    api.py      the wire: one HTTP client, errors, no secret in any message
    twilio.py   Elastic SIP Trunking: a trunk for each number
    telnyx.py   FQDN connections: one for all numbers
    plivo.py    Zentrunk: one origination URI and inbound trunk for all numbers
    byo.py      your own PBX: recipes
    ranges.py   where each carrier's signalling comes from
    manual.py   the same steps in the carriers' consoles

A carrier's looking and planning is plain code: generators that ask and are answered, and functions from what was seen
to what is to be changed. `numbers/routing.py` carries plans out. May import config, core and errors; never prints.
"""
