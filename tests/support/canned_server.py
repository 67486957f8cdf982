"""A server that answers what it is told to, for answers that no honest stand-in gives."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.http_server import serving


@dataclass
class Canned:
    """Answers each request the same; remembers the headers of all, and what was asked."""

    url: str = ""
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    dated: bool = True
    seen: list[dict[str, str]] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)

    def answer(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        dated: bool = True,
    ) -> None:
        """Set what is answered from now on, and forget what was asked."""
        self.status, self.body, self.headers = status, body, headers or {}
        self.dated = dated
        self.seen.clear()
        self.requests.clear()


@contextmanager
def serve_canned() -> Iterator[Canned]:
    """Serve on a free port until the block ends."""
    canned = Canned()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            canned.requests.append((self.command, self.path, body))
            canned.seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response_only(canned.status)
            if canned.dated:
                self.send_header("Date", self.date_time_string())
            for name, value in canned.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(canned.body)))
            self.end_headers()
            self.wfile.write(canned.body)

        do_GET = do_DELETE = do_PATCH = do_POST  # noqa: N815 - the base class looks for these names

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with serving(Handler) as canned.url:
        yield canned


@contextmanager
def serve_slowly(answer: bytes, *, pause_s: float = 0.05) -> Iterator[str]:
    """Accept one connection, and send an answer byte by byte, then spaces, until the block ends."""
    ends = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(ConnectionError):
                connection.recv(65536)
                for byte in itertools.chain(answer, itertools.repeat(32)):
                    if ends.wait(pause_s):
                        return
                    connection.sendall(bytes([byte]))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        ends.set()
        thread.join(10)
        assert not thread.is_alive()
