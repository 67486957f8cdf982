"""Mollie's errors, in its JSON format.

MollieError          any response with ``{"status", "title", "detail", …}``
├── Unprocessable    422: an invalid field, or an action that the object's state forbids
├── NotFound         404: unknown object or unknown path
├── Gone             410: the object was deleted
└── BadRequest       400: an invalid cursor, or an idempotency key used for another request
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
    """An error response. ``stored``: a retry with the same idempotency key gets it again."""

    status = 500
    stored = False

    def __init__(self, detail: str, *, status: int | None = None, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status or self.status
        self.field = field

    def body(self) -> Json:
        """Returns the response's JSON."""
        body: Json = {"status": self.status, "title": TITLES[self.status], "detail": self.detail}
        if self.field:
            body["field"] = self.field
        return body | {"_links": {"documentation": HELP}}


class Unprocessable(MollieError):
    """An invalid field, or an action that the object's state forbids."""

    status = 422


class NotFound(MollieError):
    """Unknown object or unknown path."""

    status = 404


class Gone(MollieError):
    """The object was deleted."""

    status = 410


class BadRequest(MollieError):
    """An invalid cursor, or an idempotency key that was used for another request."""

    status = 400


class Unauthenticated(MollieError):
    """The API key is missing or not accepted."""

    status = 401


def missing(field: str) -> Unprocessable:
    """Returns the error for a missing field."""
    return Unprocessable(f"The '{field}' field is missing", field=field)


def invalid(field: str, why: str = "") -> Unprocessable:
    """Returns the error for a field with an invalid value."""
    detail = f"The '{field}' field is invalid"
    return Unprocessable(f"{detail}: {why}" if why else detail, field=field)
