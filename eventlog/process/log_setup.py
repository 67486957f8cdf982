"""Logging of all our processes: a line an event, to standard error, never a secret or a body."""

import logging
import sys
import traceback
from typing import Final, Literal

import structlog
from structlog.typing import EventDict, Processor

from eventlog.process.uncaught import MessageFilter, log_uncaught_exceptions

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO}


def configure_logging(
    log_format: Literal["json", "console"], *, level: Literal["debug", "info"] = "info"
) -> None:
    """Send our lines from `level` up, and the libraries' the same way; theirs from WARNING up."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        summarize_exception,
    ]
    renderer: Processor = structlog.processors.JSONRenderer()
    if log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(MessageFilter())
    log_uncaught_exceptions()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)


def summarize_exception(_: object, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its kind and the lines it passed.

    Its message may quote what a caller sent or a database held.
    """
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
        event["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event
