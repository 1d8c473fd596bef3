"""The proxies of `deploy/`, run for real with the shipped files, in which only addresses and certificates change."""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
import trustme

DEPLOY = Path(__file__).parents[2] / "deploy"
PROXIES = ("nginx", "haproxy", "caddy")
_READY_TIMEOUT = 15.0


class Proxy:
    """A running one."""

    def __init__(self, name: str, port: int, context: ssl.SSLContext) -> None:
        self.name = name
        self.url = f"https://localhost:{port}"
        self.port = port
        self.context = context

    def client(self) -> httpx.AsyncClient:
        """Somebody out there."""
        return httpx.AsyncClient(base_url=self.url, verify=self.context, trust_env=False, timeout=30)

    async def stream(self) -> trio.SSLStream[trio.SocketStream]:
        """Somebody out there who speaks for themselves."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        return trio.SSLStream(stream, self.context, server_hostname="localhost", https_compatible=True)


def need(name: str) -> None:
    """Skip, and say so, where a proxy is not installed."""
    if shutil.which(name) is None:
        pytest.skip(f"skipped: {name} is not installed (apt-get install {name})")


@asynccontextmanager
async def open_proxy(name: str, folder: Path, nodes: list[str]) -> AsyncIterator[Proxy]:
    """Run a proxy in front of two nodes while the block lasts."""
    await trio.Path(folder).mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    chain, key = folder / "fullchain.pem", folder / "privkey.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    port = _free_port()
    test, run = {"nginx": _nginx, "haproxy": _haproxy, "caddy": _caddy}[name](folder, port, nodes, chain, key)
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    checked = await trio.run_process(test, check=False, capture_stdout=True, stderr=subprocess.STDOUT, env=environment)
    assert checked.returncode == 0, checked.stdout.decode()
    with (folder / "log").open("wb") as log:
        process = await trio.lowlevel.open_process(
            run, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        )
    try:
        await _wait_ready(process, port, folder / "log")
        yield Proxy(name, port, context)
    finally:
        process.terminate()
        with trio.move_on_after(5, shield=True):
            await process.wait()
        if process.returncode is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


async def _wait_ready(process: trio.Process, port: int, log: Path) -> None:
    for _ in range(int(_READY_TIMEOUT / 0.05)):
        if process.poll() is not None:
            break
        try:
            await trio.aclose_forcefully(await trio.open_tcp_stream("127.0.0.1", port))
        except OSError:
            await trio.sleep(0.05)
        else:
            return
    raise AssertionError(await trio.Path(log).read_text())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _shipped(name: str, nodes: list[str], *changes: tuple[str, str]) -> str:
    text = (DEPLOY / name).read_text()
    for before, after in (("10.0.0.11:8080", nodes[0]), ("10.0.0.12:8080", nodes[1]), *changes):
        assert before in text, before
        text = text.replace(before, after)
    return text


def _nginx(folder: Path, port: int, nodes: list[str], chain: Path, key: Path) -> tuple[list[str], list[str]]:
    snippet = folder / "callwarden.conf"
    snippet.write_text(
        _shipped(
            "nginx.conf",
            nodes,
            ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
            ("/etc/ssl/callwarden/fullchain.pem", str(chain)),
            ("/etc/ssl/callwarden/privkey.pem", str(key)),
        )
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log {folder}/access.log;\n{places}include {snippet};\n}}\n"
    )
    command = ["nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(main)]
    return [*command, "-t"], command


def _haproxy(folder: Path, port: int, nodes: list[str], chain: Path, key: Path) -> tuple[list[str], list[str]]:
    both, file = folder / "haproxy.pem", folder / "haproxy.cfg"
    both.write_bytes(chain.read_bytes() + key.read_bytes())
    file.write_text(
        _shipped(
            "haproxy.cfg",
            nodes,
            ("bind :443 ssl", f"bind 127.0.0.1:{port} ssl"),
            ("/etc/ssl/callwarden/haproxy.pem", str(both)),
        )
    )
    return ["haproxy", "-c", "-f", str(file)], ["haproxy", "-db", "-f", str(file)]


def _caddy(folder: Path, port: int, nodes: list[str], chain: Path, key: Path) -> tuple[list[str], list[str]]:
    file = folder / "Caddyfile"
    site = f"https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {chain} {key}\n"
    shipped = _shipped("Caddyfile", nodes, ("calls.example.com {\n", site))
    file.write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{shipped}")
    config = ["--config", str(file), "--adapter", "caddyfile"]
    return ["caddy", "validate", *config], ["caddy", "run", *config]
