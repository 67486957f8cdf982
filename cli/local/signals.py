"""Wait until this process gets a signal: a child ended, or the operator stops it."""

import os
import select
import signal
from contextlib import suppress
from types import FrameType
from typing import Final, Self

_READ_BYTES: Final = 4096


class SignalWait:
    """Ends waits when a signal with a handler comes; that of a child's end has one until `close`.

    The interpreter itself continues a sleep after a signal's handler. Use it in the main thread.
    """

    def __init__(self) -> None:
        """Receive the numbers of signals in a pipe."""
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._handler = signal.signal(signal.SIGCHLD, _ignore)
        self._descriptor = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or when a signal came since the last wait."""
        select.select([self._reader], [], [], seconds)
        with suppress(BlockingIOError):
            os.read(self._reader, _READ_BYTES)

    def close(self) -> None:
        """Restore the handler of a child's end."""
        signal.set_wakeup_fd(self._descriptor)
        signal.signal(signal.SIGCHLD, self._handler)
        os.close(self._reader)
        os.close(self._writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def forget_signals() -> None:
    """Undo in a fork what SignalWait changed: its pipe is that of the process that forked."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: a signal without a handler writes nothing to the pipe."""
