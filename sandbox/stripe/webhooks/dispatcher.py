"""Background task that sends Stripe's webhook deliveries."""

from __future__ import annotations

import time
from collections.abc import Collection
from sqlite3 import Row

import orjson

from sandbox.common.background_sender import BackgroundSender, attempt
from sandbox.common.recorder import Recorder
from sandbox.common.store import Store
from sandbox.common.webhook_client import WebhookClient
from sandbox.stripe.core import deliveries
from sandbox.stripe.core.accounts import Accounts
from sandbox.stripe.webhooks.secrets import valid_secrets


class Dispatcher(BackgroundSender):
    """Sends due deliveries: concurrently, but those released together in sequence."""

    TIMEOUT_S = 20.0

    def __init__(self, store: Store, accounts: Accounts, recorder: Recorder) -> None:
        super().__init__()
        self._store = store
        self._accounts = accounts
        self._recorder = recorder

    def due_by(self, moment: float, *, without: Collection[int], limit: int) -> list[Row]:
        """Returns the deliveries due at or before a moment, earliest first."""
        return deliveries.due_by(self._store, moment, without=without, limit=limit)

    def next_due(self, *, after: float) -> float | None:
        """Returns the next due time after a moment."""
        return deliveries.next_due(self._store, after=after)

    async def send(self, client: WebhookClient, row: Row) -> bool:
        """Sends a signed event to an endpoint, and records the result."""
        account = self._accounts.get(row["account"])
        endpoint = self._store.get(row["account"], "webhook_endpoint", row["endpoint"])
        event = self._store.get(row["account"], "event", row["event"])
        if account is None or endpoint is None or event is None:
            self._store.execute("UPDATE deliveries SET state='failed' WHERE id=?", row["id"])
            return False
        settings = account.state.webhooks
        secrets = valid_secrets(endpoint, account.now())
        event["pending_webhooks"] = deliveries.pending(self._store, account.id, event["id"])
        payload = orjson.dumps(event, option=orjson.OPT_INDENT_2)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": deliveries.signature(payload, secrets, settings),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        if endpoint["status"] == "enabled":
            self._recorder.webhook(event)
            made = await attempt(client, endpoint["url"], content=payload, headers=headers)
        else:
            made = {"at": time.time(), "status": None, "error": "disabled", "duration_ms": 0}
        with self._store.transaction():
            return deliveries.finish(self._store, row, made, settings=settings)
