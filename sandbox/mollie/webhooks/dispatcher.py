"""Background task that sends Mollie's webhook deliveries, classic and signed."""

from __future__ import annotations

from collections.abc import Collection
from sqlite3 import Row

import orjson

from sandbox.common.background_sender import BackgroundSender, attempt
from sandbox.common.recorder import Recorder
from sandbox.common.store import Store
from sandbox.common.webhook_client import WebhookClient
from sandbox.mollie.core.accounts import Accounts
from sandbox.mollie.webhooks import deliveries


class Dispatcher(BackgroundSender):
    """Sends due deliveries: concurrently, but those released together in sequence."""

    TIMEOUT_S = 15.0

    def __init__(self, store: Store, accounts: Accounts, recorder: Recorder) -> None:
        super().__init__()
        self._store = store
        self._accounts = accounts
        self._recorder = recorder

    def due_by(self, moment: float, *, without: Collection[int], limit: int) -> list[Row]:
        """Returns the deliveries due at or before a moment, earliest first."""
        return self._store.rows(
            "SELECT * FROM mollie_deliveries WHERE state='pending' AND due<=?"
            " AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY due, id LIMIT ?",
            moment,
            orjson.dumps(list(without)).decode(),
            limit,
        )

    def next_due(self, *, after: float) -> float | None:
        """Returns the next due time after a moment."""
        row = self._store.rows(
            "SELECT min(due) AS due FROM mollie_deliveries WHERE state='pending' AND due>?",
            after,
        )[0]
        return None if row["due"] is None else float(row["due"])

    async def send(self, client: WebhookClient, row: Row) -> bool:
        """Sends a form or a signed event, and records the result."""
        account = self._accounts.get(row["account"])
        webhook = self._store.get(row["account"], "webhook", row["webhook"] or "")
        if account is None or (row["webhook"] and (webhook is None or webhook.get("_deleted"))):
            self._store.execute("UPDATE mollie_deliveries SET state='failed' WHERE id=?", row["id"])
            return False
        settings, payload = account.state.webhooks, row["body"].encode()
        headers = {"User-Agent": "Mollie HTTP client/1.0"}
        if webhook is None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        else:
            headers["Content-Type"] = "application/json"
            secret = webhook["_secret"]
            headers["X-Mollie-Signature"] = deliveries.signature(payload, secret, settings)
            self._recorder.webhook(orjson.loads(payload))
        made = await attempt(client, row["url"], content=payload, headers=headers)
        with self._store.transaction():
            return deliveries.finish(self._store, row, made, settings=settings)
