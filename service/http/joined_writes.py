"""Write the head of a response together with the beginning of its body."""

import asyncio
from collections.abc import Callable
from typing import Any


class JoinedWrites:
    """A transport that holds back the first write of a response until the second one.

    The server writes heads and bodies apart: two calls of the system and two packets, each of
    which wakes the client. A head that is followed by nothing in the same turn of the loop is
    written then.
    """

    def __init__(self, transport: asyncio.Transport, *, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._write: Callable[[bytes], object] = transport.write
        self._loop = loop
        self._head: bytes | None = None
        self._expects_head = True

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a transport
        """Return what is not changed here from the transport itself."""
        return getattr(self._transport, name)

    def expect_head(self) -> None:
        """Take the next write for the head of a response."""
        self._expects_head = True

    def write(self, data: bytes) -> None:
        """Write, or hold back a head."""
        if self._head is not None:
            head, self._head = self._head, None
            self._write(head + data)
        elif self._expects_head:
            self._expects_head = False
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._write(data)

    def write_whole(self, response: bytes) -> None:
        """Write a head with all of its body."""
        self._expects_head = False
        self._write(response)

    def drop(self) -> None:
        """Write nothing from now on: the connection is lost.

        The server tells so to the newest of several requests alone; uvloop raises for the others.
        """
        self._head = None
        self._write = _ignore

    def close(self) -> None:
        """Write a head that is held back, and close."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Return whether it is closing."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self._write(head)


def _ignore(_data: bytes) -> None:
    """Write nothing."""
