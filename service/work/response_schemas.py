"""Response models of work."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from service.http.response_model import Count, Moment, One, ResponseModel


class Work(ResponseModel):
    """Work that is not done: open, or given up."""

    id: str
    """What it is for: the same for as long as it is open, and if it is asked for again."""
    state: Literal["open", "gave_up"]
    kind: str
    """`invoice`: an invoice is charged, voided and so on; `refund`; `subscription`: it is changed
    or ended; `setup`: a page for a payment method is opened; `setup_completion`: what was left
    there becomes what is charged; `provider_event`: the provider is asked about one; there may be
    more kinds."""
    invoice_id: UUID | None
    refund_id: UUID | None
    subscription_id: UUID | None
    setup_id: UUID | None
    step: str | None
    """At which step it gave up; null while it is tried."""
    tries: Count
    last_error: str | None
    opened_at: Moment
    due_at: Moment
    """When it is tried next, or was to be."""
    gave_up_at: Moment | None


class WorkPage(ResponseModel):
    """A page of a list."""

    kind: Literal["work"]
    total_items: Count
    total_items_is_exact: bool
    """Totals are exact up to 10,000."""
    items_length: Annotated[int, Field(ge=0, le=100)]
    items: Annotated[list[Work], Field(max_length=100)]
    next_cursor: str | None
    """Pass it as `cursor` for the next page; null on the last."""


class SingleWork(ResponseModel):
    """A single piece of work."""

    kind: Literal["work"]
    total_items: One
    items_length: One
    items: Annotated[list[Work], Field(min_length=1, max_length=1)]
