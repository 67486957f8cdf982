"""Check which app, connection and aggregate a provider's object belongs to."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from domain.core.metadata import APP, INVOICE
from domain.gateway.objects import ProviderInvoice
from domain.gateway.setups import SetupSession
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.invoice import Invoice
from domain.payment_methods.setup import MethodSetup


def invoice_named_by(snapshot: ProviderInvoice) -> UUID | None:
    """Read our invoice's id from the metadata, if it is one."""
    try:
        return UUID(snapshot.metadata[INVOICE])
    except (KeyError, ValueError):
        return None


class AppScope(Protocol):
    """The app and mode that an object was received for."""

    @property
    def app_id(self) -> UUID:
        """Return the app's id."""

    @property
    def mode(self) -> str:
        """Return `live` or `test`."""


def app_mismatch(
    entry: AppScope, snapshot: ProviderInvoice | ProviderSubscription | SetupSession
) -> str | None:
    """Return why an object does not belong to this app and mode; None if it does.

    Two apps may share one account at the provider; test and live money never meet.
    """
    if snapshot.livemode != (entry.mode == "live"):
        return f"wrong mode: its object is not of {entry.mode} mode"
    named = snapshot.metadata.get(APP)
    if named is not None and named != str(entry.app_id):
        return "belongs elsewhere: its metadata names another app"
    return None


class ConnectionScope(AppScope, Protocol):
    """The app, mode and connection that an object was received through."""

    @property
    def connection_id(self) -> UUID:
        """Return the connection's id."""


def invoice_mismatch(
    entry: ConnectionScope, snapshot: ProviderInvoice, invoice: Invoice | None
) -> str | None:
    """Return why the object's metadata may not name this invoice; None if it may."""
    elsewhere = app_mismatch(entry, snapshot)
    if elsewhere is not None:
        return elsewhere
    if invoice is None:
        return "unknown invoice"
    view = invoice.view
    if (view.app_id, view.connection_id) != (entry.app_id, entry.connection_id):
        return "belongs elsewhere: its invoice has another app or connection"
    return None


def setup_mismatch(
    entry: ConnectionScope, snapshot: SetupSession, setup: MethodSetup | None
) -> str | None:
    """Return why the object's metadata may not name this setup; None if it may."""
    elsewhere = app_mismatch(entry, snapshot)
    if elsewhere is not None:
        return elsewhere
    if setup is None:
        return "unknown setup of a payment method"
    view = setup.view
    if (view.app_id, view.connection_id) != (entry.app_id, entry.connection_id):
        return "belongs elsewhere: its setup has another app or connection"
    if view.customer not in (None, snapshot.customer):
        return "belongs elsewhere: its setup has another customer"
    return None
