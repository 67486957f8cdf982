"""Read one connection's books at its provider, in this process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, cast

from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core.providers import Mode, Provider
from eventlog.log import Log
from eventlog.security.vault import Vault
from projections.reconciliation.provider_objects import ProviderObjectQueries
from workers.provider_objects.import_object import ProviderAccount
from workers.providers.gateways import Gateways, open_key
from workers.providers.mollie.history import MollieHistory
from workers.providers.reconciliation_budget import reconciliation_budget
from workers.providers.retry import Span
from workers.providers.stripe.book_lists import StripeBookLists
from workers.reconciliation.books import MollieBooks, ProviderBooks, StripeBooks, Sums
from workers.reconciliation.inbox import ACTOR
from workers.reconciliation.known_objects import KnownObjects
from workers.runtime import open_gateways
from workers.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ReadBooks:
    """Sums by day and currency. `unreadable`: objects that no reader accepts, not in the sums."""

    sums: Sums
    unreadable: int


def read_books(
    settings: Settings,
    connection: Connection,
    period: Span,
    *,
    log: Log,
    billing: Billing,
    vault: Vault,
    report: Callable[[float], None],
    with_fees: bool,
    look_back_days: int | None,
) -> ReadBooks:
    """Read what the provider has of a period, at most at a fifth of the connection's rate.

    `with_fees`: also Stripe's fees, which need a permission of their own. `look_back_days`: age of
    the oldest objects at the period's start that are read; None reads all. `report` gets the read
    share after each page. Raises the gateway's errors, LogUnavailable and WorkUnavailable.
    """
    with ExitStack() as stack:
        by_object = ProviderObjectQueries(settings.database_url, max_size=1)
        by_object.open()
        stack.callback(by_object.close)
        stack.enter_context(reconciliation_budget())
        account = _account(connection)
        shared: dict[str, Any] = {
            "account": account,
            "billing": billing,
            "known": KnownObjects(account, log, by_object),
            "report": report,
            "look_back_days": look_back_days,
        }
        gateways = open_gateways(settings, billing, vault)
        books = _books(
            settings, connection, gateways, vault=vault, shared=shared, with_fees=with_fees
        )
        return ReadBooks(sums=books.read(period), unreadable=books.unreadable)


def _books(
    settings: Settings,
    connection: Connection,
    gateways: Gateways,
    *,
    vault: Vault,
    shared: dict[str, Any],
    with_fees: bool,
) -> ProviderBooks:
    key, mode = open_key(connection, vault), cast("Mode", connection.mode)
    await_rate_limit = gateways.rate_limit_for(connection)
    if connection.provider == "mollie":
        payments = MollieHistory(
            key, api_base=settings.mollie_api_base, mode=mode, await_rate_limit=await_rate_limit
        )
        wanted = connection.import_payments
        return MollieBooks(lists=payments, import_payments=wanted, **shared)
    lists = StripeBookLists(
        key, api_base=settings.stripe_api_base, mode=mode, await_rate_limit=await_rate_limit
    )
    gateway = gateways.invoicing(connection.app_id, connection.name)
    return StripeBooks(
        lists=lists, invoice_of=gateway.find_invoice_of, with_fees=with_fees, **shared
    )


def _account(connection: Connection) -> ProviderAccount:
    return ProviderAccount(
        app_id=connection.app_id,
        provider=cast("Provider", connection.provider),
        connection=connection.name,
        connection_id=connection.connection_id,
        mode=cast("Mode", connection.mode),
        actor=ACTOR,
    )
