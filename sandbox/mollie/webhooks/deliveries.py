"""Webhook deliveries: scheduled in the transaction of their change, sent in the background.

Classic: an unsigned form with the payment's id is sent to its ``webhookUrl``. Signed: the event is
sent to every webhook of the account subscribed to its type. A delivery is ``pending`` until due,
``held`` until released, ``dropped`` if a setting drops its type; it ends ``delivered``, or
``failed`` after ten attempts. Deliveries are stored and continue after a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from fnmatch import fnmatchcase
from sqlite3 import Row
from urllib.parse import urlencode

import orjson

from sandbox.common.store import Json, Store
from sandbox.mollie.core import ids, times
from sandbox.mollie.core.accounts import Webhooks
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.views import view

# Mollie docs, webhooks: ten attempts, in seconds after the first.
ATTEMPTS_S = (0, 60, 180, 420, 900, 1860, 3600, 7200, 14400, 93600)

# Changes that call the payment's own ``webhookUrl``.
CLASSIC = frozenset(
    (
        "payment.paid payment.authorized payment.failed payment.canceled payment.expired"
        " refund.processing refund.refunded refund.failed refund.canceled"
        " chargeback.received chargeback.reversed"
    ).split()
)


def notify(call: Call, kind: str, payment: Json, entity: Json | None = None) -> None:
    """Schedules the webhooks for a change to a payment or to a related ``entity``."""
    settings = call.account.state.webhooks
    if kind in CLASSIC and payment.get("webhookUrl"):
        _insert_classic(call, kind, payment, settings)
    event: Json = {
        "object": "event",
        "id": ids.fresh("event_"),
        "type": kind,
        "entityId": (entity or payment)["id"],
        "createdAt": times.shown(call.now),
        "_embedded": {"entity": view(call, entity or payment)},
        "_payment": payment["id"],
    }
    call.put(event)
    for webhook in subscribers(call, kind):
        _insert_signed(call, event, webhook, settings)


def subscribers(call: Call, kind: str) -> list[Json]:
    """Returns the webhooks subscribed to a type of event."""
    return [item for item in call.all("webhook") if {"*", kind} & set(item["eventTypes"])]


def resend(call: Call, entity: str, *, copies: int) -> int:
    """Schedules further deliveries of a payment's id or an event, now; returns their number."""
    settings = Webhooks(copies=copies, embed=call.account.state.webhooks.embed)
    if not entity.startswith("event_"):
        _insert_classic(call, "resent", call.load("payment", entity), settings)
        return copies
    event = call.load("event", entity)
    webhooks = subscribers(call, event["type"])
    for webhook in webhooks:
        _insert_signed(call, event, webhook, settings)
    return len(webhooks) * copies


def _insert_classic(call: Call, kind: str, payment: Json, settings: Webhooks) -> None:
    row = {"type": kind, "entity": payment["id"], "url": payment["webhookUrl"], "webhook": None}
    _insert(call, row | {"body": urlencode({"id": payment["id"]})}, settings)


def _insert_signed(call: Call, event: Json, webhook: Json, settings: Webhooks) -> None:
    row = {"type": event["type"], "entity": event["id"], "url": webhook["url"]}
    body = orjson.dumps(shown_event(call, event, embed=settings.embed)).decode()
    _insert(call, row | {"webhook": webhook["id"], "body": body}, settings)


def shown_event(call: Call, event: Json, *, embed: bool) -> Json:
    """Returns an event in its wire format, with or without its entity."""
    entity = event["_embedded"] if embed else None
    return view(call, event) | {"_embedded": entity}


def _insert(call: Call, row: Json, settings: Webhooks) -> None:
    kind = row["type"]
    names = (kind, f"{'signed' if row['webhook'] else 'classic'}:{kind}")
    lost = any(fnmatchcase(name, item) for name in names for item in settings.drop_types)
    state = "dropped" if lost else "held" if settings.hold else "pending"
    for _ in range(settings.copies):
        call.store.execute(
            "INSERT INTO mollie_deliveries (account, type, entity, url, webhook, body, state,"
            " created, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            call.account.id,
            *row.values(),
            state,
            time.time(),
            time.time() + settings.delay_ms / 1000,
        )


def signature(payload: bytes, secret: str, settings: Webhooks) -> str:
    """Returns the ``X-Mollie-Signature`` header, invalid if the settings demand it."""
    value = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
    return "sha256=" + (value[::-1] if settings.corrupt_signature else value)


def finish(store: Store, row: Row, attempt: Json, *, settings: Webhooks) -> bool:
    """Records an attempt and its result: delivered, to be retried, or failed for good.

    Returns whether the delivery is to be retried.
    """
    attempts = [*orjson.loads(row["attempts"]), attempt]
    status = attempt["status"]
    delivered = status is not None and 200 <= status < 300  # noqa: PLR2004 - any 2xx
    over = len(attempts) == len(ATTEMPTS_S)
    state = "delivered" if delivered else "failed" if over else "pending"
    due = 0.0 if over else attempts[0]["at"] + ATTEMPTS_S[len(attempts)] * settings.retry_scale
    store.execute(
        "UPDATE mollie_deliveries SET state=?, due=?, attempts=? WHERE id=?",
        state,
        due,
        orjson.dumps(attempts).decode(),
        row["id"],
    )
    return state == "pending"


def shown(store: Store, account: str) -> list[Json]:
    """Returns an account's deliveries with their attempts, for the admin API."""
    rows = store.rows("SELECT * FROM mollie_deliveries WHERE account=? ORDER BY id", account)
    names = ("id", "type", "entity", "url", "webhook", "state", "created", "due")
    return [
        {name: row[name] for name in names}
        | {"kind": "signed" if row["webhook"] else "classic"}
        | {"attempts": orjson.loads(row["attempts"])}
        for row in rows
    ]
