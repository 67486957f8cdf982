"""Accounts: one per API key, created on first use, with its own clock, faults and settings."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from sandbox.common import faults
from sandbox.common.clock import Clock, StrictModel
from sandbox.common.store import Store
from sandbox.mollie.core.errors import Unauthenticated
from sandbox.mollie.core.ids import organization_id

KEY = re.compile(r"(live|test)_\w{8,}", re.ASCII)
TABLES = (
    "objects", "idempotency", "requests", "mollie_agenda", "mollie_deliveries", "mollie_ledger",
    "mollie_pages",
)  # fmt: skip

Outcome = Literal["paid", "failed"]


class Fault(faults.Fault):
    """A fault of Mollie's API: an error response that does not depend on the request."""

    status: Literal[400, 403, 404, 409, 410, 422, 429, 500, 502, 503, 504] = 500


class Webhooks(StrictModel):
    """Settings of webhook deliveries.

    drop_types: dropped types, such as ``payment.paid``, ``classic:*`` or ``signed:refund.*``.
    """

    delay_ms: int = Field(default=0, ge=0)
    hold: bool = False
    copies: int = Field(default=1, ge=1, le=100)
    order: Literal["asis", "reverse", "shuffle"] = "asis"
    seed: int = 0
    drop_types: list[str] = Field(default_factory=list)
    corrupt_signature: bool = False
    embed: bool = True
    retry_scale: float = Field(default=1.0, gt=0)


class Settings(StrictModel):
    """Simulated behaviour of payers, banks and Mollie for an account.

    next_outcomes: statuses of the next recurring payments, one each; then default_outcome.
    mandate_delay_s: time that a mandate stays pending after its first payment was paid.
    suspend_after: number of failed renewals in a row that suspend a subscription; 0: never.
    stop_after_ten: like Mollie's test mode, cancels a subscription after ten payments. Off by
    default, so that tests can run a year of renewals.
    cancelable: whether open payments can be canceled; None: depends on the method.
    capture_delay_s, capture_outcome: time that a capture stays pending, and its result.
    """

    next_outcomes: list[Outcome] = Field(default_factory=list)
    default_outcome: Outcome = "paid"
    failure_reason: str = "insufficient_funds"
    card_delay_s: int = Field(default=0, ge=0)
    debit_delay_s: int = Field(default=2 * 86400, ge=0)
    mandate_delay_s: int = Field(default=0, ge=0)
    mandate_outcome: Literal["valid", "invalid"] = "valid"
    suspend_after: int = Field(default=3, ge=0)
    stop_after_ten: bool = False
    copy_metadata: bool = True
    cancelable: bool | None = None
    capture_delay_s: int = Field(default=0, ge=0)
    capture_outcome: Literal["succeeded", "failed"] = "succeeded"
    refund_outcome: Literal["refunded", "failed"] = "refunded"
    refund_queue_s: int = Field(default=0, ge=0)
    refund_pending_s: int = Field(default=2 * 3600, ge=0)
    refund_processing_s: int = Field(default=86400, ge=0)
    refuse_equal_refunds: bool = False


class State(StrictModel):
    """Stored state of an account."""

    clock: Clock = Clock()
    latency_ms: int = Field(default=0, ge=0)
    faults: list[Fault] = Field(default_factory=list)
    webhooks: Webhooks = Webhooks()
    settings: Settings = Settings()


@dataclass(frozen=True)
class Account:
    """A simulated provider account."""

    id: str
    livemode: bool
    state: State

    @property
    def mode(self) -> str:
        """Returns the mode that every object carries."""
        return "live" if self.livemode else "test"

    @property
    def profile_id(self) -> str:
        """Returns the id of the account's only website profile."""
        return "pfl_" + self.id.removeprefix("org_")[:10]

    def now(self) -> int:
        """Returns the account's time in whole seconds, as Mollie shows it."""
        return int(self.state.clock.now())


class Accounts:
    """Finds accounts by key or id and stores their state."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, key: str) -> Account:
        """Returns the key's account; creates it on first use."""
        known = self.get(organization_id(key))
        if known is not None:
            return known
        account = Account(organization_id(key), key.startswith("live_"), State())
        self._store.execute(
            "INSERT INTO accounts (id, livemode, state) VALUES (?, ?, ?)",
            account.id,
            account.livemode,
            account.state.model_dump_json(),
        )
        return account

    def get(self, account: str) -> Account | None:
        """Returns an account by its id."""
        for row in self._store.rows("SELECT * FROM accounts WHERE id=?", account):
            state = State.model_validate_json(row["state"])
            return Account(row["id"], bool(row["livemode"]), state)
        return None

    def save(self, account: Account) -> None:
        """Stores the account's state."""
        self._store.execute(
            "UPDATE accounts SET state=? WHERE id=?", account.state.model_dump_json(), account.id
        )

    def reset(self, account: Account) -> None:
        """Deletes an account's data; its key stays valid."""
        for table in TABLES:
            self._store.execute(f"DELETE FROM {table} WHERE account=?", account.id)  # noqa: S608 - the names above
        self._store.execute(
            "UPDATE accounts SET state=? WHERE id=?", State().model_dump_json(), account.id
        )

    def refuse(self, keys: list[str]) -> None:
        """Sets the keys that are rejected; all others are accepted."""
        self._store.execute("DELETE FROM mollie_refused_keys")
        for key in keys:
            self._store.execute(
                "INSERT OR IGNORE INTO mollie_refused_keys VALUES (?)", _digest(key)
            )

    def authenticate(self, header: str | None) -> Account:
        """Returns the account of an Authorization header.

        Raises Unauthenticated for a missing, malformed or rejected key.
        """
        scheme, _, key = (header or "").partition(" ")
        refused = "SELECT 1 FROM mollie_refused_keys WHERE key_hash=?"
        if (
            scheme.lower() != "bearer"
            or not KEY.fullmatch(key)
            or self._store.rows(refused, _digest(key))
        ):
            raise Unauthenticated("Missing authentication, or failed to authenticate")
        return self.open(key)

    def take_fault(self, account: Account, method: str, path: str) -> Fault | None:
        """Returns the fault that applies to a request, and counts one use."""
        fault, changed = faults.take(account.state.faults, method, path)
        if changed:
            self.save(account)
        return fault

    def next_outcome(self, account: Account) -> Outcome:
        """Remove and return the outcome of the next recurring payment."""
        settings = account.state.settings
        if not settings.next_outcomes:
            return settings.default_outcome
        outcome = settings.next_outcomes.pop(0)
        self.save(account)
        return outcome


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
