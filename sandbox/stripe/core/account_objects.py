"""Read access to the stored objects of one account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sandbox.common.store import Filter, Json, Store, equal
from sandbox.stripe.core.accounts import Account
from sandbox.stripe.core.errors import no_such


@dataclass
class AccountObjects:
    """The objects of an account at a time, inside one transaction.

    Bodies are Stripe's objects plus internal fields that begin with ``_``, omitted in responses.
    """

    store: Store
    account: Account
    now: int
    public_url: str

    @cached_property
    def enabled_endpoints(self) -> list[Json]:
        """Returns the enabled webhook endpoints, read once: what changes them emits no event."""
        return self.all("webhook_endpoint", filters=equal(status="enabled"))

    def find(self, kind: str, object_id: str | None) -> Json | None:
        """Returns an object or None."""
        return self.store.get(self.account.id, kind, object_id) if object_id else None

    def load(self, kind: str, object_id: str, *, param: str | None = None) -> Json:
        """Returns an object. Raises InvalidRequest with ``resource_missing``."""
        body = self.find(kind, object_id)
        if body is None:
            raise no_such(kind, object_id, param=param)
        return body

    def all(
        self, kind: str, *, owner: str | None = None, filters: Sequence[Filter] = ()
    ) -> list[Json]:
        """Returns the account's objects of a kind, oldest first."""
        return self.store.find(self.account.id, kind, owner=owner, filters=filters)
