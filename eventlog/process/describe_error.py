"""Describe an exception in a line that quotes nothing of what it could not handle."""

import traceback
from pathlib import Path

import psycopg

from eventlog.errors import EventsDetached


def describe(error: Exception) -> str:
    """Name the error and its place; not its message, which may quote what it could not handle.

    That of EventsDetached quotes nothing, and names the command that helps.
    """
    if isinstance(error, EventsDetached):
        return str(error)
    sqlstate = f" ({error.sqlstate})" if isinstance(error, psycopg.Error) else ""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return f"{type(error).__name__}{sqlstate}"
    file = Path(frames[-1].filename)
    place = f"{file.parent.name}/{file.name}:{frames[-1].lineno}"
    return f"{type(error).__name__}{sqlstate} at {place}, in {frames[-1].name}"
