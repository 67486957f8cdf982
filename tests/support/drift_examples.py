"""Differences that reconciliation found, for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from domain.reconciliation.compare import Difference
from domain.reconciliation.drift import Drift, DriftedObject

_OBJECT = DriftedObject(
    app_id=UUID(int=1),
    connection="main",
    connection_id=UUID(int=7),
    provider="stripe",
    mode="test",
    object_type="invoice",
    object_id="in_1",
    subject_id=UUID(int=99),
)


def drifted(
    *,
    occurred_at: datetime,
    field: str = "status",
    ours: str | None = "open",
    theirs: str | None = "paid",
    since: int | None = None,
    found_by: str = "event_catch_up",
    reason: str | None = None,
    **of_object: Any,
) -> Drift:
    """Return a difference that is not resolved yet."""
    return Drift.detect(
        uuid4(),
        Difference(field=field, ours=ours, theirs=theirs, since=since),
        replace(_OBJECT, **of_object),
        found_by=found_by,
        reason=reason,
        actor="reconciliation",
        occurred_at=occurred_at,
    )
