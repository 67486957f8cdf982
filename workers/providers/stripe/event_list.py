"""List Stripe's events: those that no webhook delivered are found there for 30 days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog

from domain.core.metadata import INVOICE
from domain.core.providers import Mode
from domain.gateway.errors import ProviderObjectUnreadable
from eventlog.security.safe_json import Unreadable, read_object
from workers.providers.bounded_fields import read_as
from workers.providers.retry import Page, Span
from workers.providers.stripe.client import (
    AwaitRateLimit,
    answered_at,
    call_stripe,
    open_client,
    page_of,
    pages,
)
from workers.providers.stripe.event_types import EVENT_TYPES
from workers.providers.stripe.objects import metadata_of
from workers.providers.stripe.schemas import StripeEvent, StripeListedAt

_PAGE: Final = 100
_log = structlog.get_logger("billhook.polling")


@dataclass(frozen=True, kw_only=True)
class ListedEvent:
    """An event as the inbox stores it. `claims`: the invoice's id in its metadata.

    `created_s`: Unix seconds by Stripe's clock. `body`: its bytes with secrets cut.
    """

    id: str
    type: str
    created_s: int
    object_type: str
    object_id: str
    claims: str | None
    body: bytes


class StripeEventList:
    """The events of one Stripe account in one mode. All calls raise the port's errors."""

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str,
        mode: Mode,
        await_rate_limit: AwaitRateLimit | None = None,
    ) -> None:
        self._events = open_client(
            api_key,
            api_base=api_base,
            mode=mode,
            await_rate_limit=await_rate_limit,
            builds_objects=False,
        ).v1.events

    def newest_s(self) -> int:
        """Return the newest event's time, or Stripe's time if there is none."""
        answer = call_stripe(lambda: self._events.list({"limit": 1}))
        found, _ = page_of(answer)
        if not found:
            return answered_at(answer)
        return read_as(StripeListedAt, found[0], kind="event").created

    def now_s(self) -> int:
        """Return the time by Stripe's clock."""
        return answered_at(call_stripe(lambda: self._events.list({"limit": 1})))

    def page(
        self, span: Span, after: str | None, *, undelivered: bool = False
    ) -> Page[ListedEvent]:
        """Read a page of the events of our types, newest first. Stripe docs: list all events.

        `undelivered`: only those that some webhook endpoint has not accepted.
        """
        params: Any = {"created": {"gte": span.start, "lt": span.end}, "limit": _PAGE}
        if after is not None:
            params["starting_after"] = after
        if undelivered:
            params["delivery_success"] = False
        listed, last = page_of(call_stripe(lambda: self._events.list(params)))
        found = [_found(event) for event in listed if event.get("type") in EVENT_TYPES]
        return Page(items=[event for event in found if event is not None], last=last)

    def since(self, created_s: int) -> list[ListedEvent]:
        """Yield the events of our types from a second on, oldest first."""
        listed = pages(self._events, {"created": {"gte": created_s}, "limit": _PAGE})
        found = [_found(event) for event in reversed(listed) if event.get("type") in EVENT_TYPES]
        return [event for event in found if event is not None]


def _found(event: dict[str, Any]) -> ListedEvent | None:
    """Read an event; None if it is unreadable, as the webhook endpoint refuses it too."""
    try:
        parsed, body = read_object(orjson.dumps(event))
        read = read_as(StripeEvent, parsed, kind="event")
    except (Unreadable, ProviderObjectUnreadable) as error:
        _log.warning("events.unreadable", reason=str(error))
        return None
    return ListedEvent(
        id=read.id,
        type=read.type,
        created_s=read.created,
        object_type=read.data.object.object,
        object_id=read.data.object.id or "",
        claims=_claim(parsed["data"]["object"]),
        body=body,
    )


def _claim(about: dict[str, Any]) -> str | None:
    try:
        return metadata_of(about).get(INVOICE)
    except ProviderObjectUnreadable:
        return None
