"""Response models of work."""

from typing import Literal
from uuid import UUID

from service.http.response_model import Count, ListPage, Moment, ResponseModel, SingleItem


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


class WorkPage(ListPage[Work]):
    """A page of a list."""

    kind: Literal["work"]


class SingleWork(SingleItem[Work]):
    """A single piece of work."""

    kind: Literal["work"]
