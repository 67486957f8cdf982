"""The size of a provider's answer: a longer one would take the memory of all other jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import requests

LONGEST_ANSWER_BYTES: Final = 32 * 2**20
"""Of a body, unpacked. A page of a hundred of Stripe's largest invoices has some 5 MB."""
TOO_LONG: Final = f"the answer is longer than {LONGEST_ANSWER_BYTES} bytes"


class BoundedBody(list[bytes]):
    """The parts of a body that libcurl has received."""

    size_bytes = 0

    def take(self, part: bytes) -> int | None:
        """Keep a part; one that exceeds the limit is refused, which ends the request."""
        self.size_bytes += len(part)
        if self.size_bytes > LONGEST_ANSWER_BYTES:
            return 0
        self.append(part)
        return None

    @property
    def is_too_long(self) -> bool:
        """Return whether a part was refused."""
        return self.size_bytes > LONGEST_ANSWER_BYTES


def bound_body(response: requests.Response, **_: object) -> None:
    """Let reading a response raise ConnectionError beyond the limit (a hook of requests)."""
    response.raw = _BoundedStream(response.raw)


class _BoundedStream:
    """A response's stream of urllib3, of which no more than the limit is read."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - requests does not declare it either
        self._stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)

    def stream(self, size: int, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: FBT001 - urllib3's signature
        """Yield the parts of the body."""
        received = 0
        for part in self._stream.stream(size, decode_content=decode_content):
            received += len(part)
            if received > LONGEST_ANSWER_BYTES:
                self._stream.close()
                raise requests.exceptions.ConnectionError(TOO_LONG)
            yield part
