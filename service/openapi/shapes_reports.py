"""An app's changes, and its sums."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from service.openapi.shapes import JsonObject, Minor, Mode, Moment, Position, Shown


class Change(Shown):
    """Something that happened to an invoice or a tenant."""

    position: Position
    type: str
    at: Moment
    by: str | None
    invoice_uuid: UUID | None
    tenant_uuid: UUID | None
    data: JsonObject


class Changes(Shown):
    """What happened, in the order of the log."""

    kind: Literal["events"]
    items_length: Annotated[int, Field(ge=0, le=1000)]
    items: list[Change]
    position: Position
    """Pass it as `after` to go on."""


class Sums(Shown):
    """What came in, went back and is owed, in one currency and mode."""

    mode: Mode
    currency: str
    collected_minor: Minor
    collected_count: int
    refunded_minor: Minor
    refunded_count: int
    outstanding_minor: Minor
    outstanding_count: int
    overdue_minor: Minor
    overdue_count: int


class Summary(Shown):
    """Sums by mode and currency; never over either."""

    kind: Literal["summary"]
    total_items: int
    items_length: int
    items: list[Sums]
    from_: Annotated[Moment | None, Field(alias="from")]
    to: Moment | None
    timezone: str
    at: Moment
    """What is outstanding or overdue is so at this time."""
