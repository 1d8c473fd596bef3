"""The simulator of time: the whole daemon on a virtual clock, with a seeded plan of everything that can go wrong.

One seed is one run: callers, what they do, what the network, the platform and the webhook's sender do wrong and when,
and a drain. The same seed gives the same transcript, byte for byte, in any process.

    scenario.py     who calls, how the daemon is configured, when it stops: drawn from the seed
    faults.py       what goes wrong: drawn from the seed, too
    wire.py         byte streams in memory that lag, stall, break and end in the middle of a frame
    listener.py     the public port in memory, and a client for it
    senders.py      who announces the calls, well or badly
    platform.py     the sandbox behind faulty sockets and a faulty REST interface
    tools.py        what the model can use
    world.py        all of it around the real supervisor and the real web application
    trace.py        the transcript
    invariants.py   what must hold whatever happens
    run.py          one seed, always with the same dice

`python -m tests.simulation --seeds 1000` runs many, `--seed 7` shows one.
"""
