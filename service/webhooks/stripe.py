"""Parse a Stripe event (Stripe docs: the Event object)."""

from typing import Any, Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.core import metadata as metadata_keys
from eventlog.security.safe_json import Unreadable, read_object
from service.http.validation import Token

_LAST_SECOND: Final = 253_402_300_799  # of the year 9999: datetime ends there


class _Object(BaseModel):
    """The object an event is about; some, like an upcoming invoice, have no id."""

    model_config = ConfigDict(strict=True)
    object: Token
    id: Token | None = None


class _Data(BaseModel):
    model_config = ConfigDict(strict=True)
    object: _Object


class _Event(BaseModel):
    model_config = ConfigDict(strict=True)
    id: Token
    type: Token
    created: int = Field(ge=0, le=_LAST_SECOND)
    livemode: bool
    data: _Data


class StripeEvent(NamedTuple):
    """A parsed event, and its body without secrets. `invoice_id` comes from the metadata."""

    id: str
    type: str
    created_s: int
    livemode: bool
    object_type: str
    object_id: str
    invoice_id: UUID | None
    body: bytes


def read_event(raw: bytes) -> StripeEvent:
    """Parse a verified event. Raises Unreadable."""
    parsed, body = read_object(raw)
    try:
        event = _Event.model_validate(parsed)
    except ValidationError:
        raise Unreadable("no event") from None
    about = event.data.object
    return StripeEvent(
        id=event.id,
        type=event.type,
        created_s=event.created,
        livemode=event.livemode,
        object_type=about.object,
        object_id=about.id or "",
        invoice_id=claimed_invoice(parsed["data"]["object"]),
        body=body,
    )


def claimed_invoice(about: dict[str, Any]) -> UUID | None:
    """Find our invoice's id in the object's metadata, or in that of its subscription.

    All invoices of a subscription carry its metadata; only the first is what we asked for.
    """
    direct = about.get("metadata")
    parent = about.get("parent")
    details = parent.get("subscription_details") if isinstance(parent, dict) else None
    first = about.get("billing_reason") == "subscription_create"
    inherited = details.get("metadata") if isinstance(details, dict) and first else None
    for metadata in (direct, inherited):
        claimed = metadata.get(metadata_keys.INVOICE) if isinstance(metadata, dict) else None
        if isinstance(claimed, str) and (found := _uuid(claimed)) is not None:
            return found
    return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
