"""What the inbox can be asked with."""

from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from projections.delivery_lists import STATES, DeliveryFilter
from service.list_query import Moment, ReadQuery
from service.validation import Name, Strictly, Token, Uuid, Words, fault


def _split(given: object) -> object:
    """Take `state=dead&state=parked` and `state=dead,parked` alike."""
    if isinstance(given, list):
        return [_state(word) for text in given for word in str(text).split(",")]
    return given


def _state(text: str) -> str:
    if text not in STATES:
        raise fault(f"must be one of {', '.join(STATES)}")
    return text


_AnyState = Annotated[str, Words({"enum": list(STATES)})]


class DeliveryQuery(ReadQuery):
    """Filters and place; newest first."""

    state: Annotated[list[_AnyState], BeforeValidator(_split)] = Field(default_factory=list)
    connection: Name | None = None
    type: Name | None = None
    invoice_id: Uuid | None = None
    provider_event_id: Name | None = None
    received_from: Moment | None = None
    received_to: Moment | None = None
    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[Token, Field(max_length=2000)] | None = None


class ReplayBody(Strictly):
    """Nothing is said beside which delivery is meant."""


def to_filter(query: DeliveryQuery, app_id: UUID) -> DeliveryFilter:
    """Say what is asked of the read model."""
    asked = query.model_dump(exclude={"min_position"})
    asked["state"] = tuple(dict.fromkeys(asked["state"]))
    return DeliveryFilter(app_id=app_id, **asked)
