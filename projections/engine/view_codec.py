"""Views to JSON and back."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import orjson

from domain.invoices.steps import StepRecord
from domain.invoices.view import InvoiceView
from domain.subscriptions.view import SubscriptionView

Json = dict[str, Any]
View = TypeVar("View", bound=InvoiceView | SubscriptionView)

_STEP_FIELDS: Final = frozenset(field.name for field in fields(StepRecord))
_IDS: Final = ("id", "app_id", "tenant_id", "connection_id")


class ViewCodec(Generic[View]):
    """Writes and reads the views of one kind; `ids` and `times` are no plain JSON."""

    def __init__(self, kind: type[View], *, ids: Collection[str], times: Collection[str]) -> None:
        self._kind = kind
        self._ids = ids
        self._times = times
        self._fields = frozenset(field.name for field in fields(kind))

    def to_json(self, view: View) -> bytes:
        """Write a view. Raises TypeError for integers beyond 64 bits and for lone surrogates."""
        return orjson.dumps(view)

    def from_json(self, stored: bytes | str | Json) -> View:
        """Read a view; fields that it was stored without have their defaults, unknown ones go.

        So a version that knows more, or less, than the one that wrote the row can still read it.
        """
        loaded: Json = orjson.loads(stored) if isinstance(stored, bytes | str) else stored
        known = {name: value for name, value in loaded.items() if name in self._fields}
        for name in self._ids:
            if known.get(name) is not None:
                known[name] = UUID(known[name])
        for name in self._times:
            if known.get(name) is not None:
                known[name] = datetime.fromisoformat(known[name])
        known["steps"] = {name: _step(step) for name, step in known.get("steps", {}).items()}
        return self._kind(**known)


def _step(stored: Json) -> StepRecord:
    known = {name: value for name, value in stored.items() if name in _STEP_FIELDS}
    known["started_at"] = datetime.fromisoformat(known["started_at"])
    return StepRecord(**known)


_INVOICES: Final = ViewCodec(
    InvoiceView,
    ids=_IDS,
    times=(
        "created_at",
        "updated_at",
        "period_start",
        "period_end",
        "due_at",
        "issued_at",
        "paid_at",
    ),
)
SUBSCRIPTIONS: Final = ViewCodec(
    SubscriptionView,
    ids=(*_IDS, "invoice_id"),
    times=(
        "created_at",
        "updated_at",
        "period_start",
        "period_end",
        "trial_end",
        "cancel_at",
        "canceled_at",
        "ended_at",
    ),
)

to_json = _INVOICES.to_json
from_json = _INVOICES.from_json
