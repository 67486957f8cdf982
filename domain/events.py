"""Every event class we have, imported so that its topic is known to whoever reads the log."""

from __future__ import annotations

from domain import (
    app,
    catalogue,
    connection,
    customer_claim,
    customer_slot,
    invoice_events,
    method_setup,
    method_setup_events,
    payment_hint,
    provider_event,
    receipt,
    subscription,
    subscription_events,
    tenant,
)
from domain.base import Fact
from domain.invoice import Invoice

__all__ = ["AGGREGATES", "TOPICS", "topics_of"]

AGGREGATES = (
    app.App,
    catalogue.Price,
    catalogue.TaxRate,
    connection.Connection,
    customer_claim.CustomerClaim,
    customer_slot.CustomerSlot,
    Invoice,
    method_setup.MethodSetup,
    payment_hint.PaymentHint,
    provider_event.ProviderEvent,
    receipt.Receipt,
    subscription.Subscription,
    tenant.Tenant,
)


def topics_of(root: type[Fact]) -> tuple[str, ...]:
    """Return the topics of all events below a root, sorted."""
    found: set[str] = set()
    pending = [root]
    while pending:
        fact = pending.pop()
        pending.extend(fact.__subclasses__())
        if "TOPIC" in fact.__dict__:
            found.add(fact.TOPIC)
    return tuple(sorted(found))


TOPICS = topics_of(Fact)
INVOICE_TOPICS = topics_of(invoice_events.InvoiceEvent)
SUBSCRIPTION_TOPICS = topics_of(subscription_events.SubscriptionEvent)
SETUP_TOPICS = topics_of(method_setup_events.MethodSetupEvent)
ACCESS_TOPICS = (
    *topics_of(app.AppEvent),
    *topics_of(connection.ConnectionEvent),
)
