"""Query and body of the webhook delivery endpoints."""

from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field, Strict

from projections.inbox.queries import STATES, DeliveryFilter
from service.http.queries import Moment, ReadQuery
from service.http.validation import Name, RequestModel, SchemaKeywords, Token, Uuid, invalid


def _split(given: object) -> object:
    """Accept both `state=dead&state=parked` and `state=dead,parked`."""
    if isinstance(given, list):
        return [_state(state) for text in given for state in str(text).split(",")]
    return given


def _state(text: str) -> str:
    if text not in STATES:
        raise invalid(f"must be one of {', '.join(STATES)}")
    return text


def _text_alone(given: object) -> object:
    """Refuse numbers, which would be read as Unix seconds."""
    if not isinstance(given, str):
        raise invalid("must be a date and time with its zone, as a text")
    return given


_BodyMoment = Annotated[Moment, Strict(False), BeforeValidator(_text_alone)]
_AnyState = Annotated[str, SchemaKeywords({"enum": list(STATES)})]


class DeliveryQuery(ReadQuery):
    """Filters and page of the list of deliveries."""

    state: Annotated[list[_AnyState], BeforeValidator(_split)] = Field(default_factory=list)
    connection: Name | None = None
    type: Name | None = None
    invoice_id: Uuid | None = None
    provider_event_id: Name | None = None
    received_from: Moment | None = None
    received_to: Moment | None = None
    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[Token, Field(max_length=2000)] | None = None


class ReplayBody(RequestModel):
    """Body of a replay: empty."""


class BulkReplayBody(RequestModel):
    """Body of a replay of several dead letters: at least one filter, and at most how many."""

    reason: Name | None = None
    connection: Name | None = None
    received_from: _BodyMoment | None = None
    received_to: _BodyMoment | None = None
    limit: int = Field(100, ge=1, le=500)


def to_filter(query: DeliveryQuery, app_id: UUID) -> DeliveryFilter:
    """Build the filter of the read model."""
    fields = query.model_dump(exclude={"min_position"})
    fields["state"] = tuple(dict.fromkeys(fields["state"]))
    return DeliveryFilter(app_id=app_id, **fields)
