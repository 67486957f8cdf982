"""Log exceptions that nobody caught, in the format of all other lines and without their message."""

import logging
import sys
import threading
from types import TracebackType

import structlog

from eventlog.process.describe_error import describe

_log = structlog.get_logger("billhook.uncaught")


def log_uncaught_exceptions() -> None:
    """Replace the hooks of the interpreter and of threads, which would print the message.

    The message of a database error quotes the row that was refused.
    """
    sys.excepthook = _of_process
    threading.excepthook = _of_thread
    sys.unraisablehook = _unraisable


class MessageFilter(logging.Filter):
    """Keep what libraries log to one line, without the messages of exceptions.

    asyncio adds lines that show a task with its exception; psycopg's pool formats the exception.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record; never drops one."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                describe(arg) if isinstance(arg, Exception) else arg for arg in record.args
            )
        text = record.getMessage()
        if record.name == "asyncio":
            # After the first line, and in parentheses, are objects with their contents.
            text = text.partition("\n")[0].partition("(")[0]
            record.msg, record.args = text, ()
        return True


def _of_process(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _log.critical("uncaught_exception", exc_info=(kind, error, trace))


def _of_thread(given: threading.ExceptHookArgs) -> None:
    if given.exc_type is SystemExit:
        return
    name = given.thread.name if given.thread is not None else None
    _log.critical(
        "uncaught_exception_in_thread",
        thread=name,
        exc_info=(given.exc_type, given.exc_value, given.exc_traceback),
    )


def _unraisable(given: "sys.UnraisableHookArgs") -> None:
    _log.error(
        "uncaught_exception_in_finalizer",
        exc_info=(given.exc_type, given.exc_value, given.exc_traceback),
    )
