"""Registry of all event classes: importing this module registers every topic."""

from __future__ import annotations

from domain.apps import app, connection, dashboard_session
from domain.catalogue import catalogue
from domain.core import idempotency
from domain.core.aggregate import DomainEvent
from domain.inbox import payment_hint, provider_event, webhook_health
from domain.invoices import events as invoices_events
from domain.invoices.invoice import Invoice
from domain.operations import skipped_event
from domain.payment_methods import (
    events as payment_methods_events,
)
from domain.payment_methods import (
    setup as payment_methods_setup,
)
from domain.reconciliation import drift
from domain.subscriptions import events as subscriptions_events
from domain.subscriptions import subscription
from domain.tenants import customer_claim, pending_items_lock, tenant

__all__ = ["AGGREGATES", "TOPICS", "topics_of"]

AGGREGATES = (
    app.App,
    catalogue.Price,
    catalogue.TaxRate,
    connection.Connection,
    customer_claim.CustomerClaim,
    dashboard_session.DashboardSession,
    drift.Drift,
    pending_items_lock.PendingItemsLock,
    Invoice,
    payment_methods_setup.MethodSetup,
    payment_hint.PaymentHint,
    provider_event.ProviderEvent,
    idempotency.IdempotencyRecord,
    skipped_event.SkippedEvent,
    subscription.Subscription,
    tenant.Tenant,
    webhook_health.WebhookHealth,
)


def topics_of(root: type[DomainEvent]) -> tuple[str, ...]:
    """Return the topics of all subclasses of an event class, sorted."""
    found: set[str] = set()
    pending = [root]
    while pending:
        fact = pending.pop()
        pending.extend(fact.__subclasses__())
        if "TOPIC" in fact.__dict__:
            found.add(fact.TOPIC)
    return tuple(sorted(found))


TOPICS = topics_of(DomainEvent)
INVOICE_TOPICS = topics_of(invoices_events.InvoiceEvent)
SUBSCRIPTION_TOPICS = topics_of(subscriptions_events.SubscriptionEvent)
SETUP_TOPICS = topics_of(payment_methods_events.MethodSetupEvent)
ACCESS_TOPICS = (
    *topics_of(app.AppEvent),
    *topics_of(connection.ConnectionEvent),
    *topics_of(dashboard_session.DashboardSessionEvent),
)
# Events of objects that are done with at some time, unlike apps, tenants or subscriptions, whose
# history is needed at any time.
ENDING_TOPICS = (
    *INVOICE_TOPICS,
    *topics_of(dashboard_session.DashboardSessionEvent),
    *topics_of(drift.DriftEvent),
    *topics_of(idempotency.IdempotencyRecordEvent),
    *topics_of(payment_hint.PaymentHintEvent),
    *topics_of(provider_event.DeliveryEvent),
)
