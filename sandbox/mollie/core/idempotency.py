"""Idempotency keys of POST requests: replayed for an hour, rejected for another request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from sandbox.common.store import Json, Store, load
from sandbox.mollie.core.accounts import Account
from sandbox.mollie.core.errors import BadRequest, MollieError

LIFE_S = 3600


@dataclass(frozen=True)
class Replay:
    """A stored response."""

    status: int
    body: Json


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Returns a request's fingerprint, which ignores whitespace in the JSON body."""
    try:
        said = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONDecodeError:
        said = body
    return hashlib.sha256(f"{method} {path}\n".encode() + said).hexdigest()


class IdempotencyKeys:
    """Stored responses by key, and the keys in flight in this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._in_flight: dict[tuple[str, str], str] = {}

    def start(self, account: Account, key: str, print_: str) -> Replay | None:
        """Returns the stored response, or reserves the key for a first execution.

        Raises BadRequest if the key was used for another request, 409 if it is in flight.
        """
        busy = self._in_flight.get((account.id, key))
        known = self._store.rows(
            "SELECT * FROM idempotency WHERE account=? AND key=? AND created>?",
            account.id,
            key,
            account.now() - LIFE_S,
        )
        if print_ != (busy or (known[0]["fingerprint"] if known else print_)):
            raise BadRequest(
                "The idempotency key was used before, with another endpoint or other parameters"
            )
        if busy:
            raise MollieError(
                "A request with this idempotency key is being processed already", status=409
            )
        if known:
            return Replay(known[0]["status"], load(known[0]["body"]))
        self._in_flight[account.id, key] = print_
        return None

    def end(self, account: Account, key: str) -> None:
        """Releases a key after its execution, successful or not."""
        self._in_flight.pop((account.id, key), None)

    def save(self, account: Account, key: str, print_: str, *, status: int, body: Json) -> None:
        """Stores a response under its key."""
        self._store.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, '', ?, ?, ?)",
            account.id,
            key,
            print_,
            status,
            orjson.dumps(body).decode(),
            account.now(),
        )
