"""`python -m tests.autobahn WSTEST`: every case of the Autobahn test suite, with the audio filter and without.

WSTEST is the suite's own program, which runs on Python 2.7 only. Cases 12 and 13 are left out: they are about the
compression of messages, which this client does not offer. Exits with 1 unless every verdict is OK, NON-STRICT or
INFORMATIONAL; prints how many there are of each, and which are not OK.
"""

import json
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import trio

from tests.autobahn.client import Client

GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
LIMIT = 900.0


async def verdicts(wstest: str, *, filter_audio: bool, cases: list[str]) -> dict[str, str]:
    """Run the cases; gives the server's verdict on each, the worse one of what was said and how it was closed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    client = Client(address, filter_audio=filter_audio)
    with tempfile.TemporaryDirectory() as folder:
        spec = {"url": f"ws://{address}", "outdir": folder, "cases": cases, "exclude-cases": ["12.*", "13.*"]}
        file = Path(folder) / "spec.json"
        file.write_text(json.dumps({**spec, "exclude-agent-cases": {}}))
        server = await trio.lowlevel.open_process(
            [wstest, "-m", "fuzzingserver", "--webport", "0", "-s", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with trio.fail_after(LIMIT):
                await _listening(address)
                await client.run()
        finally:
            server.terminate()
            with trio.CancelScope(shield=True):
                await server.wait()
        (found,) = json.loads((Path(folder) / "index.json").read_text()).values()
    return {case: _worse(said["behavior"], said["behaviorClose"]) for case, said in found.items()}


def _worse(said: str, closed: str) -> str:
    return said if said not in GOOD or closed in GOOD else f"{closed} at the close"


async def _listening(address: str) -> None:
    host, _, port = address.partition(":")
    for _ in range(300):
        try:
            await trio.aclose_forcefully(await trio.open_tcp_stream(host, int(port)))
        except OSError:
            await trio.sleep(0.1)
        else:
            return
    raise AssertionError("the fuzzing server does not listen")


def main() -> int:
    """Both rounds."""
    failed = False
    for filter_audio in (True, False):
        one_round = partial(verdicts, sys.argv[1], filter_audio=filter_audio, cases=sys.argv[2:] or ["*"])
        found = trio.run(one_round)
        counts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(found.values()).most_common())
        sys.stdout.write(f"filter_audio = {str(filter_audio).lower()}: {len(found)} cases: {counts}\n")
        for case, verdict in sorted(found.items()):
            if verdict != "OK":
                sys.stdout.write(f"  {case}: {verdict}\n")
        failed = failed or not set(found.values()) <= GOOD
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
