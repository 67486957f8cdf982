"""Recorder of requests, responses and webhooks as JSON lines, for contract checks."""

from __future__ import annotations

import os

import orjson

from sandbox.common.store import Json


class Recorder:
    """Appends to a file, or does nothing without one. Several processes may share the file."""

    def __init__(self, path: str | None) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(path, flags, 0o600) if path else None

    def exchange(self, *, method: str, path: str, form: str, status: int, body: Json) -> None:
        """Records a request with its form (query or body, as sent) and its response."""
        self._write({"method": method, "path": path, "form": form, "status": status, "body": body})

    def webhook(self, event: Json) -> None:
        """Records a webhook event as sent."""
        self._write({"webhook": event})

    def _write(self, line: Json) -> None:
        if self._file is not None:
            os.write(self._file, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
