"""Response models of work."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from service.http.response_model import Count, Moment, One, ResponseModel


class Work(ResponseModel):
    """Work that is not done: open, or given up."""

    id: str
    """Id of the work; the same while it is open and after a resend."""
    state: Literal["open", "gave_up"]
    kind: str
    """`invoice`: charge, void or another action; `refund`; `subscription`: change or cancel;
    `setup`: create a setup page; `setup_completion`: make the saved payment method the default;
    `provider_event`: fetch the event's object. More kinds may be added."""
    invoice_id: UUID | None
    refund_id: UUID | None
    subscription_id: UUID | None
    setup_id: UUID | None
    step: str | None
    """The step that gave up; null while it is retried."""
    tries: Count
    last_error: str | None
    opened_at: Moment
    due_at: Moment
    """Time of the next attempt, or of the one that was due."""
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
    """Cursor of the next page; null on the last page."""


class SingleWork(ResponseModel):
    """A single piece of work."""

    kind: Literal["work"]
    total_items: One
    items_length: One
    items: Annotated[list[Work], Field(min_length=1, max_length=1)]
