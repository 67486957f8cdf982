"""A receiver of webhooks on loopback that remembers what came and answers as told."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import stripe


@dataclass(frozen=True)
class Delivery:
    """A received webhook."""

    body: bytes
    signature: str
    headers: dict[str, str] = field(default_factory=dict)

    def event(self, secret: str) -> stripe.Event:
        """Verifies the delivery as the SDK does and returns its event."""
        return stripe.Webhook.construct_event(self.body, self.signature, secret)


@dataclass
class Sink:
    """``statuses`` are answered one after the other, then 200 for ever."""

    statuses: list[int] = field(default_factory=list)
    received: list[Delivery] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["Stripe-Signature"]
                sink.received.append(Delivery(body, signature, dict(self.headers)))
                self.send_response(sink.statuses.pop(0) if sink.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Keeps the test's output clean."""

        return Handler
