"""Context of an operation: its account's objects and its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.common.store import Filter, Json, Store
from sandbox.mollie.core.accounts import Account, Outcome, Settings
from sandbox.mollie.core.errors import Gone, NotFound

# The field by which objects of a kind are mostly looked up; lists by it use an index.
OWNERS = {
    "capture": "paymentId",
    "chargeback": "paymentId",
    "mandate": "customerId",
    "payment": "customerId",
    "refund": "paymentId",
    "subscription": "customerId",
}


@dataclass
class Call:
    """Context of one request, page submission or due agenda entry, inside one transaction.

    Bodies are Mollie's objects plus ``object``, the kind in the store, and internal fields that
    begin with ``_``; neither is part of responses.
    """

    store: Store
    account: Account
    now: int
    public_url: str
    take_outcome: Callable[[Account], Outcome]
    path: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """Returns the account's behaviour settings."""
        return self.account.state.settings

    def url(self, path: str) -> str:
        """Returns an API URL on this sandbox; SDKs follow no other host."""
        return f"{self.public_url}/v2/{path}"

    def find(self, kind: str, object_id: str | None) -> Json | None:
        """Returns an object or None."""
        return self.store.get(self.account.id, kind, object_id) if object_id else None

    def load(self, kind: str, object_id: str, *, within: str | None = None) -> Json:
        """Returns an object, which must belong to ``within`` if given. Raises NotFound or Gone.

        Raises NotFound, or Gone for a deleted object.
        """
        body = self.find(kind, object_id)
        if body is None or (within is not None and body[OWNERS[kind]] != within):
            raise NotFound(f"No {kind} exists with token {object_id}.")
        if body.get("_deleted"):
            raise Gone(f"The {kind} is no longer available")
        return body

    def put(self, body: Json) -> Json:
        """Stores a new or changed object."""
        owner = body.get(OWNERS.get(str(body["object"]), ""))
        self.store.put(self.account.id, body, owner=owner)
        return body

    def change(self, body: Json, **changes: object) -> Json:
        """Changes and stores an object."""
        body.update(changes)
        return self.put(body)

    def all(
        self, kind: str, *, owner: str | None = None, filters: Sequence[Filter] = ()
    ) -> list[Json]:
        """Returns the account's objects of a kind that were not deleted, oldest first."""
        found = self.store.find(self.account.id, kind, owner=owner, filters=filters)
        return [body for body in found if not body.get("_deleted")]
