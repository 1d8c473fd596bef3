"""The ledger: who has claimed which call. In memory today; the interface is what the durable one will fill.

Imports core and errors; never Trio's nurseries, never a platform.
"""
