"""Filters of lists, as forms send them: empty fields are none, and days stand for moments."""

import re
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Final

from starlette.datastructures import QueryParams
from starlette.requests import Request

from service.dashboard.visitor import Form
from service.reports.periods import start_of

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


class Given(dict[str, str]):
    """Filters for a template: one that is not given is None."""

    def __missing__(self, name: str) -> None:
        """Return None for a filter that is not given."""


def given_filters(params: QueryParams, *, several: Collection[str] = ()) -> dict[str, str]:
    """Return the fields that are filled in; those of `several` values are joined by commas."""
    given: dict[str, str] = {}
    for name in params:
        values = [value.strip() for value in params.getlist(name) if value.strip()]
        if values:
            given[name] = ",".join(values) if name in several else values[-1]
    return given


def with_moments(given: Mapping[str, str], times: Collection[str], *, zone: str) -> dict[str, str]:
    """Write each day among the times as the moment at which it begins in a time zone.

    `to`, or a field that ends in `To`, names the last day that is wanted: the moment is its end.
    """
    return {
        name: _moment(value, zone=zone, is_end=name.lower().endswith("to"))
        if name in times and _DAY.fullmatch(value)
        else value
        for name, value in given.items()
    }


def _moment(text: str, *, zone: str, is_end: bool) -> str:
    try:
        day = date.fromisoformat(text) + timedelta(days=1 if is_end else 0)
        return start_of(day, zone).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return text


def with_idempotency_key(request: Request, form: Form) -> Request:
    """Return the request with the form's key as its Idempotency-Key: sent twice, it acts once."""
    key = form.get("action_key", "").encode("ascii", errors="replace")
    headers = [(n, v) for n, v in request.scope["headers"] if n != b"idempotency-key"]
    return Request({**request.scope, "headers": [*headers, (b"idempotency-key", key)]})
