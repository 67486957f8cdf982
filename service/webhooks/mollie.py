"""Parse a Mollie event: its payment is fetched when it is applied."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from eventlog.security.safe_json import Unreadable, read_object
from service.http.validation import Token

PAYMENT_ID: Final = re.compile(r"tr_[A-Za-z0-9]{1,64}")
_IN_LINK: Final = re.compile(r"/payments/(tr_[A-Za-z0-9]{1,64})(?:/|$)")
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999: datetime ends there


class _Event(BaseModel):
    model_config = ConfigDict(strict=True)
    resource: Literal["event"]
    id: Token
    type: Token
    entityId: Token  # noqa: N815 - Mollie's name


class _Time(BaseModel):
    createdAt: AwareDatetime  # noqa: N815 - Mollie's name


@dataclass(frozen=True, kw_only=True)
class MollieEvent:
    """A parsed event, and its body without secrets.

    `mode` None: it does not say. `object_type` is payment where we know which one it is about.
    """

    id: str
    type: str
    created_s: int
    mode: str | None
    object_type: str
    object_id: str
    body: bytes


def read_event(raw: bytes) -> MollieEvent:
    """Parse a verified event. Raises Unreadable."""
    parsed, body = read_object(raw)
    try:
        event, time = _Event.model_validate(parsed), _Time.model_validate(parsed)
    except ValidationError:
        raise Unreadable("no event") from None
    payment = _payment_of(event.entityId, parsed)
    return MollieEvent(
        id=event.id,
        type=event.type,
        created_s=_seconds(time.createdAt),
        mode=_mode_of(parsed),
        object_type=event.type.partition(".")[0] if payment is None else "payment",
        object_id=event.entityId if payment is None else payment,
        body=body,
    )


def _seconds(time: datetime) -> int:
    return min(max(int(time.timestamp()), 0), _LAST_SECOND)


def _payment_of(entity_id: str, event: dict[str, Any]) -> str | None:
    """Return the payment's id: of the entity, in the entity, or in its URL."""
    named = _entity(event).get("paymentId")
    for candidate in (entity_id, named):
        if isinstance(candidate, str) and PAYMENT_ID.fullmatch(candidate):
            return candidate
    links = event.get("_links")
    link = links.get("entity") if isinstance(links, dict) else None
    href = link.get("href") if isinstance(link, dict) else None
    found = _IN_LINK.search(href) if isinstance(href, str) else None
    return None if found is None else found[1]


def _mode_of(event: dict[str, Any]) -> str | None:
    mode = _entity(event).get("mode")
    return mode if mode in ("live", "test") else None


def _entity(event: dict[str, Any]) -> dict[str, Any]:
    embedded = event.get("_embedded")
    entity = embedded.get("entity") if isinstance(embedded, dict) else None
    return entity if isinstance(entity, dict) else {}
