"""An invoice's view to JSON and back."""

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain.invoice_steps import StepRecord
from domain.invoice_view import InvoiceView

Json = dict[str, Any]

_FIELDS = frozenset(field.name for field in fields(InvoiceView))
_STEP_FIELDS = frozenset(field.name for field in fields(StepRecord))
_IDS = ("id", "app_id", "tenant_id", "connection_id")
_TIMES = (
    "created_at",
    "updated_at",
    "period_start",
    "period_end",
    "due_at",
    "issued_at",
    "paid_at",
)


def to_json(view: InvoiceView) -> bytes:
    """Write a view. Raises TypeError for integers beyond 64 bits and for lone surrogates."""
    return orjson.dumps(view)


def from_json(stored: bytes | str | Json) -> InvoiceView:
    """Read a view; fields that it was stored without have their defaults, unknown ones go.

    So a version that knows more, or less, than the one that wrote the row can still read it.
    """
    loaded: Json = orjson.loads(stored) if isinstance(stored, bytes | str) else stored
    known = {name: value for name, value in loaded.items() if name in _FIELDS}
    for name in _IDS:
        if known.get(name) is not None:
            known[name] = UUID(known[name])
    for name in _TIMES:
        if known.get(name) is not None:
            known[name] = datetime.fromisoformat(known[name])
    known["steps"] = {name: _step(step) for name, step in known.get("steps", {}).items()}
    return InvoiceView(**known)


def _step(stored: Json) -> StepRecord:
    known = {name: value for name, value in stored.items() if name in _STEP_FIELDS}
    known["started_at"] = datetime.fromisoformat(known["started_at"])
    return StepRecord(**known)
