"""Build the dependencies of each kind of job, by the provider of the object that it works on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

from domain.gateway.port import ProviderGateway
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.invoice import Invoice
from domain.payment_methods.setup import MethodSetup
from domain.subscriptions.subscription import Subscription
from projections.work.table import Job
from workers.invoices.customers import TenantCustomers
from workers.invoices.job import InvoiceDeps, InvoicingDeps
from workers.payments.checkout import CheckoutDeps
from workers.payments.setup_method import SetupDeps
from workers.provider_objects.assign_to_tenant import AssignDeps
from workers.providers.key_trust import MOLLIE_KEYS, STRIPE_KEYS, KeyTrust
from workers.runtime import Runtime, utc_now
from workers.subscriptions.change import SubscriptionDeps
from workers.subscriptions.mollie_common import MandateSubscriptionDeps
from workers.subscriptions.mollie_start import StartSubscriptionDeps
from workers.tenants.update_customers import UpdateCustomersDeps
from workers.webhooks.mollie_payment import MolliePaymentDeps
from workers.webhooks.record_fetched import FetchDeps

# Providers whose payments stand for invoices, and which charge mandates for subscriptions.
_PAYMENT_PROVIDERS: Final = frozenset({"mollie"})
# Claiming a job sets its sent mark; a step that follows within this time leaves it as it is.
_RENEW_EVERY_S: Final = 1.0


def uses_payments(provider: str) -> bool:
    """Check whether a provider has payments that stand for invoices, and no invoices."""
    return provider in _PAYMENT_PROVIDERS


def invoice(runtime: Runtime, job: Job) -> InvoiceDeps:
    """Build CheckoutDeps or InvoicingDeps, by the invoice's provider."""
    view = runtime.billing.get(Invoice, UUID(job.args["invoice_id"])).view
    if uses_payments(view.provider):
        return checkout(runtime, job)
    gateway = runtime.gateways.invoicing(view.app_id, view.connection)
    return InvoicingDeps(
        billing=runtime.billing,
        gateway=gateway,
        customers=_customers(runtime, gateway),
        now=utc_now,
        heartbeat=_heartbeat(runtime, job),
        keys=_keys(runtime),
    )


def checkout(runtime: Runtime, job: Job) -> CheckoutDeps:
    """Build the dependencies of a job on an invoice whose provider has payments."""
    view = runtime.billing.get(Invoice, UUID(job.args["invoice_id"])).view
    gateway = runtime.gateways.checkout(view.app_id, view.connection)
    return CheckoutDeps(
        billing=runtime.billing,
        gateway=gateway,
        customers=_customers(runtime, gateway, payments=True),
        callback_urls=runtime.callback_urls,
        now=utc_now,
        heartbeat=_heartbeat(runtime, job),
        keys=_keys(runtime, payments=True),
    )


def subscription(runtime: Runtime, job: Job) -> SubscriptionDeps | MandateSubscriptionDeps:
    """Build the dependencies of a subscription's change, by its provider."""
    view = runtime.billing.get(Subscription, UUID(job.args["subscription_id"])).view
    if uses_payments(view.provider):
        return mandate_subscription(runtime, job)
    gateway = runtime.gateways.invoicing(view.app_id, view.connection)
    return SubscriptionDeps(billing=runtime.billing, gateway=gateway, now=utc_now)


def mandate_subscription(runtime: Runtime, job: Job) -> StartSubscriptionDeps:
    """Build the dependencies of a job on a subscription whose provider charges a mandate."""
    view = runtime.billing.get(Subscription, UUID(job.args["subscription_id"])).view
    return StartSubscriptionDeps(
        billing=runtime.billing,
        gateway=runtime.gateways.checkout(view.app_id, view.connection),
        callback_urls=runtime.callback_urls,
        now=utc_now,
        keys=_keys(runtime, payments=True),
    )


def setup(runtime: Runtime, job: Job) -> SetupDeps:
    """Build the dependencies of a payment-method setup, by its provider."""
    view = runtime.billing.get(MethodSetup, UUID(job.args["setup_id"])).view
    if not uses_payments(view.provider):
        gateway = runtime.gateways.invoicing(view.app_id, view.connection)
        return SetupDeps(
            billing=runtime.billing,
            gateway=gateway,
            customers=_customers(runtime, gateway),
            now=utc_now,
            heartbeat=_heartbeat(runtime, job),
            keys=_keys(runtime),
        )
    checkout_gateway = runtime.gateways.checkout(view.app_id, view.connection)
    return SetupDeps(
        billing=runtime.billing,
        gateway=checkout_gateway,
        customers=_customers(runtime, checkout_gateway, payments=True),
        now=utc_now,
        heartbeat=_heartbeat(runtime, job),
        keys=_keys(runtime, payments=True),
        webhook_url=runtime.callback_urls.webhook_url(view.provider, view.connection_id),
    )


def provider_event(runtime: Runtime, job: Job) -> FetchDeps | MolliePaymentDeps:
    """Build the dependencies of applying a provider event, by its provider."""
    event = runtime.billing.get(ProviderEvent, UUID(job.args["provider_event_id"]))
    if uses_payments(event.received.provider):
        return payment_hint(runtime, job)
    return FetchDeps(
        billing=runtime.billing,
        bodies=runtime.log,
        gateway_of=runtime.gateways.invoicing,
        now=utc_now,
    )


def payment_hint(runtime: Runtime, _: Job) -> MolliePaymentDeps:
    """Build the dependencies of applying a Mollie payment."""
    return MolliePaymentDeps(
        billing=runtime.billing,
        bodies=runtime.log,
        gateway_of=runtime.gateways.checkout,
        now=utc_now,
    )


def assignment(runtime: Runtime, job: Job) -> AssignDeps:
    """Build the dependencies of assigning invoices and subscriptions to a tenant."""

    def newest_position(stream: UUID) -> int:
        return runtime.log.stream(stream, newest_first=True, limit=1)[0].position

    return AssignDeps(
        billing=runtime.billing,
        newest_position=newest_position,
        unassigned=runtime.unassigned,
        now=utc_now,
        heartbeat=_heartbeat(runtime, job),
    )


def customer_updates(runtime: Runtime, _: Job) -> UpdateCustomersDeps:
    """Build the dependencies of updating a tenant's customers."""
    return UpdateCustomersDeps(
        billing=runtime.billing, bodies=runtime.log, gateway_of=runtime.gateways.of, now=utc_now
    )


def _heartbeat(runtime: Runtime, job: Job) -> Callable[[], None]:
    """Return a function that renews the job's sent mark, unless it was renewed a moment ago."""
    renewed_at_s = time.monotonic()

    def renew() -> None:
        nonlocal renewed_at_s
        now_s = time.monotonic()
        if now_s - renewed_at_s >= _RENEW_EVERY_S:
            runtime.work.touch(job.id)
            renewed_at_s = now_s

    return renew


def _keys(runtime: Runtime, *, payments: bool = False) -> KeyTrust:
    return replace(MOLLIE_KEYS if payments else STRIPE_KEYS, backup_at=runtime.backup_at)


def _customers(
    runtime: Runtime, gateway: ProviderGateway, *, payments: bool = False
) -> TenantCustomers:
    return TenantCustomers(
        billing=runtime.billing,
        gateway=gateway,
        bodies=runtime.log,
        now=utc_now,
        keys=_keys(runtime, payments=payments),
    )
