"""Accounts: one per secret key, created on first use, with its own clock, faults and settings."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from sandbox.common import faults
from sandbox.common.clock import Clock, StrictModel
from sandbox.common.store import Store
from sandbox.stripe.core.errors import Unauthenticated
from sandbox.stripe.core.ids import account_id

DEFAULT_COUNTRY = "US"
DEFAULT_CURRENCY = "usd"
REVOKED_PREFIXES = ("sk_test_revoked", "sk_live_revoked", "rk_test_revoked", "rk_live_revoked")
KEY_PREFIXES = {"sk_test_": False, "sk_live_": True, "rk_test_": False, "rk_live_": True}


Reason = Literal[
    "global-concurrency", "global-rate", "endpoint-concurrency", "endpoint-rate",
    "resource-specific",
]  # fmt: skip


class Fault(faults.Fault):
    """A fault of Stripe's API: a retryable error response, or a refusal (400, 404, 410, 422).

    A ``status`` fault with ``when: after`` executes the request and then returns the error; with
    ``stored`` the error is stored under the key, as Stripe stores a failure during execution.
    ``code``: defaults to ``rate_limit`` for 429 and ``lock_timeout`` for 409. ``reason`` and
    ``retry_after_s`` are the headers of a rate limit.
    """

    status: Literal[400, 404, 409, 410, 422, 429, 500, 502, 503] = 500
    code: Literal["rate_limit", "lock_timeout", "idempotency_key_in_use"] | None = None
    reason: Reason | None = None
    retry_after_s: int | None = Field(default=None, ge=0)


class Limits(StrictModel):
    """Rate limits of an account per second, in total and per endpoint; None: unlimited."""

    per_s: int | None = Field(default=None, ge=1)
    endpoint_per_s: int | None = Field(default=None, ge=1)
    retry_after_s: int | None = Field(default=None, ge=0)


class Webhooks(StrictModel):
    """Settings of webhook deliveries."""

    delay_ms: int = Field(default=0, ge=0)
    hold: bool = False
    copies: int = Field(default=1, ge=1, le=100)
    order: Literal["asis", "reverse", "shuffle"] = "asis"
    seed: int = 0
    drop_types: list[str] = Field(default_factory=list)
    corrupt_signature: bool = False
    timestamp_offset_s: int = 0
    retry_scale: float = Field(default=1.0, gt=0)


class Billing(StrictModel):
    """The result for a subscription whose last retry has failed."""

    after_retries: Literal["cancel", "unpaid", "past_due"] = "cancel"


class State(StrictModel):
    """Stored state of an account."""

    clock: Clock = Clock()
    latency_ms: int = Field(default=0, ge=0)
    limits: Limits = Limits()
    faults: list[Fault] = Field(default_factory=list)
    webhooks: Webhooks = Webhooks()
    billing: Billing = Billing()


@dataclass(frozen=True)
class Account:
    """A simulated provider account."""

    id: str
    livemode: bool
    state: State

    def now(self) -> int:
        """Returns the account's time in whole seconds, as Stripe shows it."""
        return int(self.state.clock.now())


class Accounts:
    """Finds accounts by key or id and stores their state."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[str, tuple[str, State]] = {}

    def open(self, key: str) -> Account:
        """Returns the key's account; creates it on first use."""
        known = self.get(account_id(key))
        if known is not None:
            return known
        livemode = next(
            (live for prefix, live in KEY_PREFIXES.items() if key.startswith(prefix)), False
        )
        account = Account(account_id(key), livemode, State())
        self._store.execute(
            "INSERT INTO accounts (id, livemode, state) VALUES (?, ?, ?)",
            account.id,
            livemode,
            account.state.model_dump_json(),
        )
        return account

    def get(self, account: str) -> Account | None:
        """Returns an account by its id."""
        for row in self._store.rows("SELECT * FROM accounts WHERE id=?", account):
            return Account(row["id"], bool(row["livemode"]), self._state(account, row["state"]))
        return None

    def _state(self, account: str, text: str) -> State:
        """Parses an account's stored state, unless it is that of the last time."""
        known = self._parsed.get(account)
        if known is None or known[0] != text:
            known = self._parsed[account] = (text, State.model_validate_json(text))
        return known[1]

    def save(self, account: Account) -> None:
        """Stores the account's state."""
        # It was changed in place: what is kept is no longer what its text says.
        self._parsed.pop(account.id, None)
        self._store.execute(
            "UPDATE accounts SET state=? WHERE id=?", account.state.model_dump_json(), account.id
        )

    def reset(self, account: Account) -> None:
        """Deletes an account's data; its key stays valid."""
        for table in (
            "agenda", "objects", "idempotency", "ledger", "requests", "deliveries", "hosted_pages",
            "checkout_pages",
        ):  # fmt: skip
            self._store.execute(f"DELETE FROM {table} WHERE account=?", account.id)  # noqa: S608 - the names above
        self._store.execute(
            "UPDATE accounts SET state=? WHERE id=?", State().model_dump_json(), account.id
        )

    def refuse(self, keys: list[str]) -> None:
        """Sets the keys that are rejected; all others are accepted."""
        self._store.execute("DELETE FROM refused_keys")
        for key in keys:
            self._store.execute("INSERT OR IGNORE INTO refused_keys VALUES (?)", _digest(key))

    def authenticate(self, header: str | None) -> Account:
        """Returns the account of an Authorization header (bearer, or basic with the key as user).

        Raises Unauthenticated with Stripe's message for a missing, malformed or revoked key.
        """
        key = _key(header)
        if not key:
            raise Unauthenticated(
                "You did not provide an API key. You need to provide your API key in the"
                " Authorization header, using Bearer auth (e.g. 'Authorization: Bearer"
                " YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details,"
                " or we can help at https://support.stripe.com/."
            )
        shown = f"{key[:8]}{'*' * 12}{key[-4:]}"
        if not key.startswith(tuple(KEY_PREFIXES)) or not key.isascii() or len(key) < MIN_KEY:
            raise Unauthenticated(f"Invalid API Key provided: {shown}")
        refused = self._store.rows("SELECT 1 FROM refused_keys WHERE key_hash=?", _digest(key))
        if refused or key.startswith(REVOKED_PREFIXES):
            raise Unauthenticated(f"Expired API Key provided: {shown}", code="api_key_expired")
        return self.open(key)


MIN_KEY = 12


def _key(header: str | None) -> str:
    scheme, _, rest = (header or "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().split(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
