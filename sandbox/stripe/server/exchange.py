"""A request to the API and its response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property, lru_cache

import orjson
from starlette.responses import Response

from sandbox.common.store import Json
from sandbox.stripe.core import forms, ids
from sandbox.stripe.core.accounts import Account, Fault
from sandbox.stripe.core.call import API_VERSION
from sandbox.stripe.core.idempotency import fingerprint
from sandbox.stripe.core.operations import Operation

RETRYABLE = (409, 429, 500, 502, 503)


@dataclass
class Exchange:
    """A request and its response so far."""

    account: Account
    method: str
    path: str
    raw: str
    version: str | None
    key: str | None
    found: tuple[Operation, dict[str, str]] | None = None
    fault: Fault | None = None
    request_id: str = field(default_factory=lambda: ids.fresh("req_"))
    original_request: str | None = None
    replayed: bool = False
    limited: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    body: Json = field(default_factory=dict)

    def met(self) -> str | None:
        """Returns the name of the applied fault, for the request log."""
        if self.limited:
            return "rate_limit"
        return self.fault.kind if self.fault else None

    @cached_property
    def form(self) -> forms.Form:
        """Returns the parameters of the request."""
        return forms.parse(self.raw)

    @cached_property
    def fingerprint(self) -> str:
        """Returns the fingerprint of the request."""
        return fingerprint(self.method, self.path, forms.canonical(self.form))


def response_to(exchange: Exchange) -> Response:
    """Returns the response with Stripe's headers."""
    headers = {"Request-Id": exchange.request_id, "Stripe-Version": API_VERSION}
    headers["Date"] = _date(exchange.account.now())
    if exchange.method == "POST" and exchange.status not in RETRYABLE:
        headers["Stripe-Should-Retry"] = "false"
    if exchange.key:
        headers["Idempotency-Key"] = exchange.key
        headers["Original-Request"] = exchange.original_request or exchange.request_id
    if exchange.replayed:
        headers["Idempotent-Replayed"] = "true"
    headers |= exchange.headers
    return json_response(exchange.body, status=exchange.status, headers=headers)


@lru_cache(maxsize=16)
def _date(now: int) -> str:
    return formatdate(now, usegmt=True)


def json_response(body: Json, *, status: int, headers: dict[str, str]) -> Response:
    """Returns a response with a body as Stripe formats it."""
    content = orjson.dumps(body, option=orjson.OPT_INDENT_2)
    return Response(content, status, headers=headers, media_type="application/json")
