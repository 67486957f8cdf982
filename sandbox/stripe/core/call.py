"""Context of an operation: its account's objects, its time and its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.common.store import Json
from sandbox.stripe.core import agenda, deliveries, ids, invoice_agenda, views
from sandbox.stripe.core.account_objects import AccountObjects

API_VERSION = "2026-10-28.endive"

# The field by which objects of a kind are mostly looked up; lists by it use an index.
OWNERS = {
    "charge": "payment_intent",
    "checkout.session": "customer",
    "credit_note": "invoice",
    "credit_note_line_item": "_credit_note",
    "customer_balance_transaction": "customer",
    "discount": "subscription",
    "dispute": "charge",
    "invoice": "customer",
    "invoice_payment": "invoice",
    "invoiceitem": "customer",
    "line_item": "invoice",
    "payment_intent": "customer",
    "payment_method": "customer",
    "price": "product",
    "refund": "charge",
    "setup_intent": "customer",
    "subscription": "customer",
    "subscription_item": "subscription",
    "subscription_schedule": "customer",
}


@dataclass
class Call(AccountObjects):
    """Context of one request, page submission or due agenda entry, inside one transaction."""

    request_id: str | None = None
    idempotency_key: str | None = None
    path: Mapping[str, str] = field(default_factory=dict)

    def put(self, body: Json) -> Json:
        """Stores a new or changed object, without an event."""
        owner = body.get(OWNERS.get(str(body["object"]), ""))
        self.store.put(self.account.id, body, owner=owner)
        if body["object"] == "invoice":
            invoice_agenda.update_agenda(self, body)
        return body

    def drop(self, body: Json) -> None:
        """Deletes an object and its agenda entries."""
        self.store.delete(self.account.id, body["object"], body["id"])
        agenda.cancel(self, object_id=body["id"])

    def create(self, body: Json, event: str | None = None) -> Json:
        """Stores a new object and emits its event."""
        self.put(body)
        if event:
            self.emit(event, body)
        return body

    def change(self, body: Json, changes: Json, event: str | None = None) -> Json:
        """Changes an object and, if a field changed, emits an event with the previous values."""
        before = dict(body)  # fields are replaced, never changed in place
        body.update(changes)
        self.put(body)
        if event and (previous := difference(before, body)):
            self.emit(event, body, previous=previous)
        return body

    def emit(self, kind: str, body: Json, *, previous: Json | None = None) -> None:
        """Appends an event with the object as it is now, and schedules its deliveries.

        ``previous``: the previous values of changed fields.
        """
        data: Json = {"object": views.view(self, body)}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Json = {
            "id": ids.fresh("evt_"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": self.account.livemode,
            "pending_webhooks": 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": kind,
        }
        deliveries.schedule(self, event)
        self.put(event)


def difference(before: Json, after: Json) -> Json:
    """Returns the previous values of changed fields; of nested objects only the changed parts."""
    changed: Json = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old is new or key[:1] == "_" or old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            changed[key] = difference(old, new)
        else:
            changed[key] = old
    return dict(sorted(changed.items()))
