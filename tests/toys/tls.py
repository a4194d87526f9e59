"""A PostgreSQL with TLS: its own authority, made by openssl, and a certificate for `localhost`."""

import asyncio
import shutil
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Self
from urllib.parse import urlencode, urlsplit

from harness.lab.network import HOST

_SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)

NO_OPENSSL = shutil.which("openssl") is None
"""Tests that need certificates are skipped then."""


def authority(folder: Path, name: str) -> Path:
    """Make an authority; returns its certificate, whose key stands beside it."""
    certificate = folder / f"{name}.pem"
    _openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", f"/CN={name}", "-keyout", str(certificate.with_suffix(".key")),
        "-out", str(certificate),
    )  # fmt: skip
    certificate.chmod(0o644)
    return certificate


def signed(certificate: Path, folder: Path) -> tuple[Path, Path]:
    """Make a certificate for the host name `localhost`, signed by an authority, and its key."""
    key, request, made = (folder / f"server.{kind}" for kind in ("key", "csr", "crt"))
    extensions = folder / "server.ext"
    extensions.write_text("subjectAltName=DNS:localhost")
    _openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(request),
    )  # fmt: skip
    _openssl(
        "x509", "-req", "-in", str(request), "-days", "2", "-CA", str(certificate),
        "-CAkey", str(certificate.with_suffix(".key")), "-CAcreateserial",
        "-extfile", str(extensions), "-out", str(made),
    )  # fmt: skip
    return made, key


class TlsFront:
    """Ends TLS before a PostgreSQL, as the server itself would: the embedded one is built without.

    It answers SSLRequest and then speaks TLS to the client; PostgreSQL sees plain connections. It
    refuses clients that ask for none. Use as a context manager.

    versions: of each connection's TLS.
    """

    def __init__(self, target: str, certificate: Path, key: Path) -> None:
        self.versions: list[str] = []
        self._target = urlsplit(target)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, **options: str) -> str:
        """The target's URL through TLS, by the host name `localhost`, with options."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        login = self._target.netloc.rpartition("@")[0]
        return self._target._replace(
            netloc=f"{login}@localhost:{port}", query=urlencode(options)
        ).geturl()

    def __enter__(self) -> Self:
        self._thread.start()
        starting = asyncio.start_server(self._serve, HOST, 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if await reader.readexactly(8) == _SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self._context)
                self.versions.append(writer.get_extra_info("ssl_object").version())
                await self._relay(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone, or does not trust us
        finally:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target, port = self._target.hostname, self._target.port
        connecting = asyncio.create_task(asyncio.open_connection(target, port))
        try:
            far_reader, far_writer = await asyncio.shield(connecting)
        except asyncio.CancelledError:  # a connection that is made all the same would stay open
            (_, far_writer) = await connecting
            far_writer.transport.abort()
            raise
        ways = [
            asyncio.create_task(_copy(reader, far_writer)),
            asyncio.create_task(_copy(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            far_writer.transport.abort()  # before anything that may be cancelled too
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65_536):
        writer.write(piece)
        await writer.drain()


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def certificates_in(folder: Path) -> Path:
    """Two authorities, `ours.pem` and `other.pem`, and a server's certificate signed by ours."""
    for name in ("ours", "other"):
        authority(folder, name)
    signed(folder / "ours.pem", folder)
    return folder
