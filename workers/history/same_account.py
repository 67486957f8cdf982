"""Refuse to record an account a second time in an app, through another connection.

The ids of what a provider made are derived from the connection, so that each object of an account
with two connections of one app would be recorded, and counted in the reports, twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core import ids
from domain.core.providers import Mode, Provider
from domain.invoices.invoice import Invoice
from workers.errors import OperatorError
from workers.providers.mollie.history import MollieHistory
from workers.providers.stripe.history import StripeHistory
from workers.settings import Settings


class AccountHistory(Protocol):
    """The history of an account."""

    def newest(self) -> Sequence[str]:
        """Return the ids of the newest invoices or payments, at most a page of them."""


def open_history(provider: Provider, key: str, *, mode: Mode, settings: Settings) -> AccountHistory:
    """Open an account's history with a key that need not be stored."""
    if provider == "mollie":
        return MollieHistory(key, api_base=settings.mollie_api_base, mode=mode)
    return StripeHistory(key, api_base=settings.stripe_api_base, mode=mode)


def others_like(
    known: Iterable[Connection], name: str, *, provider: str, mode: str
) -> list[Connection]:
    """Return the connections of a provider and mode, but for the one with the name."""
    return [
        other
        for other in known
        if (other.provider, other.mode) == (provider, mode) and other.name != name
    ]


def refuse_recorded_account(
    history: AccountHistory, others: Iterable[Connection], *, billing: Billing
) -> None:
    """Raise OperatorError if one of the other connections recorded the account's newest objects.

    `others`: the app's other connections of the same provider and mode.
    """
    newest: Sequence[str] | None = None
    for other in others:
        newest = history.newest() if newest is None else newest
        if any(_is_recorded(object_id, other, billing=billing) for object_id in newest):
            raise OperatorError(
                f"this account's invoices are recorded through the connection {other.name} of the "
                f"same app, and would count twice: give that name, which also replaces its key"
            )


def _is_recorded(object_id: str, connection: Connection, *, billing: Billing) -> bool:
    stream = ids.for_provider_object(
        connection.app_id, connection.connection_id, connection.mode, object_id
    )
    return billing.find(Invoice, stream) is not None
