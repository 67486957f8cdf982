"""Check which app, connection and aggregate a provider's object belongs to."""

from __future__ import annotations

from typing import Final, Protocol
from uuid import UUID

from domain.core.metadata import APP, INVOICE
from domain.gateway.objects import ProviderInvoice
from domain.gateway.setups import SetupSession
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from domain.payment_methods.setup import MethodSetup
from workers.providers.key_trust import CLOCK_SKEW

_UNATTEMPTED: Final = ("open", "canceled", "expired")
_CREATION_STEPS: Final = ("create", "subscribe")


def invoice_named_by(snapshot: ProviderInvoice) -> UUID | None:
    """Read our invoice's id from the metadata, if it is one."""
    try:
        return UUID(snapshot.metadata[INVOICE])
    except (KeyError, ValueError):
        return None


def is_unattempted(payment: ProviderInvoice) -> bool:
    """Return whether a payment of Mollie had no attempt: it is not imported then."""
    waits = payment.payment is None or payment.payment.state in ("open", "canceled")
    return payment.state in _UNATTEMPTED and waits


def is_claimed_by(snapshot: ProviderInvoice, invoice: Invoice) -> bool:
    """Return whether our metadata on a provider's invoice identifies this invoice of ours.

    It does for the recorded object, and while our own creation of one is unresolved. A revision, a
    duplicate, or the first invoice of a copied subscription has copied metadata.
    """
    view = invoice.view
    if view.provider_object_id is not None:
        return snapshot.id == view.provider_object_id or snapshot.id in view.objects
    if snapshot.revision_of is not None or not view.in_progress:
        return False
    return _is_after_creation_step(view, snapshot.created_at)


def is_subscription_claimed_by(snapshot: ProviderSubscription, invoice: Invoice) -> bool:
    """Return whether a subscription is the one that this invoice of ours requested."""
    view = invoice.view
    if view.subscription_id is not None:
        return snapshot.id == view.subscription_id
    if view.provider != "stripe":
        return True
    return view.in_progress and _is_after_creation_step(view, snapshot.started_at)


def _is_after_creation_step(view: InvoiceView, created_at: int | None) -> bool:
    """Return whether an object was created after our step began that creates it.

    Before that step nobody else knows the id in the metadata, so that there is nothing to copy.
    """
    begun = [view.steps[name].started_at for name in _CREATION_STEPS if name in view.steps]
    if not begun:
        return True
    return created_at is None or created_at >= (min(begun) - CLOCK_SKEW).timestamp()


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
