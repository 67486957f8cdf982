"""Webhook deliveries: scheduled in the transaction of their event, sent in the background.

A delivery is one event to one endpoint. It is ``pending`` until due, ``held`` until
released, ``dropped`` if a setting drops its type; it ends ``delivered``, or ``failed`` after three
days of retries. Deliveries are stored and continue after a restart.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Collection, Sequence
from sqlite3 import Row

import orjson

from sandbox.common.store import PENDING_WEBHOOKS, Json, Store
from sandbox.stripe.core.account_objects import AccountObjects
from sandbox.stripe.core.accounts import Webhooks

FIRST_RETRY_S = 5
LONGEST_RETRY_S = 8 * 3600
GIVE_UP_S = 3 * 86400


def schedule(call: AccountObjects, event: Json) -> None:
    """Schedules the deliveries of a new event and sets its ``pending_webhooks``."""
    settings = call.account.state.webhooks
    endpoints = subscribers(call, event["type"])
    event["pending_webhooks"] = len(endpoints)
    state = "held" if settings.hold else "pending"
    if event["type"] in settings.drop_types:
        state = "dropped"
    due = time.time() + settings.delay_ms / 1000
    for endpoint in endpoints:
        for _ in range(settings.copies):
            _insert(call.store, call.account.id, event, endpoint["id"], state=state, due=due)


def subscribers(call: AccountObjects, event_type: str) -> list[Json]:
    """Returns the enabled endpoints subscribed to a type of event."""
    return [item for item in call.enabled_endpoints if _wants(item["enabled_events"], event_type)]


def _wants(enabled_events: Sequence[str], event_type: str) -> bool:
    return "*" in enabled_events or event_type in enabled_events


def _insert(
    store: Store, account: str, event: Json, endpoint: str, *, state: str, due: float
) -> None:
    store.execute(
        "INSERT INTO deliveries (account, event, type, endpoint, state, created, due)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        account,
        event["id"],
        event["type"],
        endpoint,
        state,
        time.time(),
        due,
    )


def resend(call: AccountObjects, event: Json, *, copies: int) -> int:
    """Schedules further deliveries of an event, now; returns their number."""
    endpoints = subscribers(call, event["type"])
    for endpoint in endpoints:
        for _ in range(copies):
            _insert(
                call.store,
                call.account.id,
                event,
                endpoint["id"],
                state="pending",
                due=time.time(),
            )
    return len(endpoints) * copies


def due_by(store: Store, moment: float, *, without: Collection[int], limit: int) -> list[Row]:
    """Returns the deliveries due at or before a moment, earliest first, but for those ids."""
    return store.rows(
        "SELECT * FROM deliveries WHERE state='pending' AND due<=?"
        " AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY due, id LIMIT ?",
        moment,
        orjson.dumps(list(without)).decode(),
        limit,
    )


def next_due(store: Store, *, after: float) -> float | None:
    """Returns the next due time after a moment."""
    row = store.rows(
        "SELECT min(due) AS due FROM deliveries WHERE state='pending' AND due>?", after
    )[0]
    return None if row["due"] is None else float(row["due"])


def signature(payload: bytes, secrets: Sequence[str], settings: Webhooks) -> str:
    """Returns the ``Stripe-Signature`` header; the settings may make its time or value wrong.

    During a rotation there are two secrets, and a ``v1`` of each.
    """
    timestamp = int(time.time()) + settings.timestamp_offset_s
    signed = f"{timestamp}.".encode() + payload
    values = [hmac.digest(key.encode(), signed, "sha256").hex() for key in secrets]
    if settings.corrupt_signature:
        values = [value[::-1] for value in values]
    return ",".join([f"t={timestamp}", *(f"v1={value}" for value in values)])


def finish(store: Store, row: Row, attempt: Json, *, settings: Webhooks) -> bool:
    """Records an attempt and its result: delivered, to be retried, or failed for good.

    Returns whether the delivery is to be retried.
    """
    attempts = [*orjson.loads(row["attempts"]), attempt]
    now = time.time()
    wait = min(FIRST_RETRY_S * 2.0 ** (len(attempts) - 1), LONGEST_RETRY_S) * settings.retry_scale
    status = attempt["status"]
    delivered = status is not None and 200 <= status < 300  # noqa: PLR2004 - any 2xx
    over = now + wait > row["created"] + GIVE_UP_S * settings.retry_scale
    state = "delivered" if delivered else "failed" if over else "pending"
    store.execute(
        "UPDATE deliveries SET state=?, due=?, attempts=? WHERE id=?",
        state,
        now + wait,
        orjson.dumps(attempts).decode(),
        row["id"],
    )
    return state == "pending"


def pending(store: Store, account: str, event_id: str) -> int:
    """Counts the endpoints that an event was not delivered to yet.

    Counted when it is read: an update would write the whole event again after each delivery.
    """
    row = store.rows(
        f"SELECT {PENDING_WEBHOOKS} AS number FROM objects"  # noqa: S608 - a constant
        " WHERE account=? AND kind='event' AND id=?",
        account,
        event_id,
    )[0]
    return int(row["number"])


def shown(store: Store, account: str) -> list[Json]:
    """Returns an account's deliveries with their attempts, for the admin API."""
    rows = store.rows("SELECT * FROM deliveries WHERE account=? ORDER BY id", account)
    names = ("id", "event", "type", "endpoint", "state", "created", "due")
    return [
        {name: row[name] for name in names} | {"attempts": orjson.loads(row["attempts"])}
        for row in rows
    ]
