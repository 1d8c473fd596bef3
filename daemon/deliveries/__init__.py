"""Deliveries: telling the endpoints of `[[deliveries]]` of calls, by signed webhooks, until they have taken them.

What is owed stands in the ledger's outbox; here it is sent. `run` is one task of the daemon, `flush` the wait for it at
the end of a drain. Imports the ledger, config, observe and core; knows no call and no platform.
"""

from daemon.deliveries.sender import flush, run

__all__ = ["flush", "run"]
