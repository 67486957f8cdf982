"""Idempotency keys of POST requests: replayed or rejected, and expired after a day."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from sandbox.common.store import Json, Store, load
from sandbox.stripe.core.accounts import Account
from sandbox.stripe.core.errors import BadParameters, KeyConflict, key_in_use

LIFE_S = 24 * 3600
MAX_KEY = 255


@dataclass(frozen=True)
class Replay:
    """A stored response."""

    status: int
    body: Json
    request_id: str


def fingerprint(method: str, path: str, form: str) -> str:
    """Returns a request's fingerprint."""
    return hashlib.sha256(f"{method} {path}\n{form}".encode()).hexdigest()


class IdempotencyKeys:
    """Stored responses by key, and the keys in flight in this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._in_flight: dict[tuple[str, str], str] = {}

    def start(self, account: Account, key: str, print_: str) -> Replay | None:
        """Returns the stored response, or reserves the key for a first execution.

        Raises KeyConflict if the key is in flight, or was used for another request.
        """
        if len(key) > MAX_KEY:
            raise BadParameters(f"Idempotency keys can be at most {MAX_KEY} characters long.")
        busy = self._in_flight.get((account.id, key))
        known = self._known(account, key)
        if print_ != (busy or (known["fingerprint"] if known else print_)):
            raise KeyConflict(
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{key}' if you meant to execute a"
                " different request."
            )
        if busy:
            raise key_in_use(key)
        if known:
            return Replay(known["status"], load(known["body"]), known["request_id"])
        self._in_flight[account.id, key] = print_
        return None

    def end(self, account: Account, key: str) -> None:
        """Releases a key after its execution, successful or not."""
        self._in_flight.pop((account.id, key), None)

    def save(
        self, account: Account, key: str, print_: str, *, request_id: str, status: int, body: Json
    ) -> None:
        """Stores a response under its key."""
        self._store.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?)",
            account.id,
            key,
            print_,
            request_id,
            status,
            orjson.dumps(body).decode(),
            account.now(),
        )

    def _known(self, account: Account, key: str) -> Json | None:
        for row in self._store.rows(
            "SELECT * FROM idempotency WHERE account=? AND key=? AND created>?",
            account.id,
            key,
            account.now() - LIFE_S,
        ):
            return dict(row)
        return None
