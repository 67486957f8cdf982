"""A proxy before a sandbox that changes the objects it answers with, at random."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Final

from tests.support import plain_http
from tests.support.http_server import serving
from tests.support.mutations import Json, mutated

_PAGES: Final = 0.01
_DROPPED: Final = {"connection", "content-encoding", "content-length", "transfer-encoding"}


@dataclass
class MutatingProxy:
    """Answers requests with changed JSON objects while `source` is set.

    All GET requests, or of the `methods` the `share` that chance takes.
    """

    url: str = ""
    source: random.Random | None = None
    methods: frozenset[str] = frozenset({"GET"})
    share: float = 1.0
    changed: int = 0

    def answer(self, method: str, body: bytes) -> bytes:
        """Return the body, changed or not."""
        if self.source is None or method not in self.methods:
            return body
        if self.share < 1 and self.source.random() >= self.share:
            return body
        self.changed += 1
        return json.dumps(_changed(self.source, json.loads(body))).encode()


def _changed(source: random.Random, answer: Json) -> Json:
    """Change an object; of a list mostly one of its items, sometimes the page itself."""
    listed = _items_of(answer)
    if listed is None or source.random() < _PAGES:
        return mutated(source, answer)
    if listed:
        place = source.randrange(len(listed))
        listed[place] = mutated(source, listed[place])
    return answer


def _items_of(answer: Json) -> list[Json] | None:
    """Return the items of a list's page, None for another object."""
    if answer.get("object") == "list":
        return answer["data"]
    return next(iter(answer["_embedded"].values())) if "count" in answer else None


@contextmanager
def mutating_proxy(target: str) -> Iterator[MutatingProxy]:
    """Serve on a free port until the block ends."""
    proxy, client = MutatingProxy(), plain_http.client(base_url=target, timeout=60)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name: value for name, value in self.headers.items() if name != "Host"}
            answer = client.request(
                self.command, self.path, headers=headers, content=self.rfile.read(length)
            )
            body = answer.content
            if answer.is_success and body:
                body = proxy.answer(self.command, body)
            self.send_response_only(answer.status_code)
            for name, value in answer.headers.items():
                if name not in _DROPPED:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_DELETE = do_PATCH = do_POST  # noqa: N815 - the base class looks for these

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with client, serving(Handler) as proxy.url:
        yield proxy
