"""Mollie's refusals, in its own JSON shape.

MollieError          anything that is answered with ``{"status", "title", "detail", …}``
├── Unprocessable    422: a field that does not fit, or work that the object's state forbids
├── NotFound         404: no such object, or no such address
├── Gone             410: the object was there once
└── BadRequest       400: a cursor, or an idempotency key used for something else
"""

from __future__ import annotations

from sandbox.common.store import Json

TITLES = {
    400: "Bad Request",
    401: "Unauthorized Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    410: "Gone",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}

HELP = {"href": "https://docs.mollie.com/reference/handling-errors", "type": "text/html"}


class MollieError(Exception):
    """An answer of the error shape. ``stored``: a repetition with the same key gets it again."""

    status = 500
    stored = False

    def __init__(self, detail: str, *, status: int | None = None, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status or self.status
        self.field = field

    def body(self) -> Json:
        """Returns the answer's JSON."""
        body: Json = {"status": self.status, "title": TITLES[self.status], "detail": self.detail}
        if self.field:
            body["field"] = self.field
        return body | {"_links": {"documentation": HELP}}


class Unprocessable(MollieError):
    """A field that does not fit, or work that the object's state forbids."""

    status = 422


class NotFound(MollieError):
    """No such object, or no such address."""

    status = 404


class Gone(MollieError):
    """The object was there once."""

    status = 410


class BadRequest(MollieError):
    """A cursor that leads nowhere, or an idempotency key that was used for something else."""

    status = 400


class Unauthenticated(MollieError):
    """No key, or one that is not accepted."""

    status = 401


def missing(field: str) -> Unprocessable:
    """Names a field that must be there."""
    return Unprocessable(f"The '{field}' field is missing", field=field)


def invalid(field: str, why: str = "") -> Unprocessable:
    """Names a field whose value does not fit."""
    detail = f"The '{field}' field is invalid"
    return Unprocessable(f"{detail}: {why}" if why else detail, field=field)
