"""What each job works with, and the one place that knows which provider works how."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from domain.gateway.port import ProviderGateway
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from domain.payment_methods.setup import MethodSetup, MethodSetupView
from domain.subscriptions.subscription import Subscription
from projections.work.table import Job
from workers.invoices.customers import TenantCustomers
from workers.invoices.job import InvoiceDeps, InvoicingDeps
from workers.payments.checkout import CheckoutDeps
from workers.payments.setup_method import SetupDeps
from workers.provider_objects.assign_to_tenant import AssignDeps
from workers.providers.key_lifetime import KEY_LIFETIME, MOLLIE_KEY_LIFETIME
from workers.runtime import Runtime, utc_now
from workers.subscriptions.change import SubscriptionDeps
from workers.subscriptions.mollie_start import StartSubscriptionDeps
from workers.webhooks.fetch_and_apply import FetchDeps
from workers.webhooks.mollie_payment import MolliePaymentDeps

_WITH_PAYMENTS: Final = frozenset({"mollie"})


def uses_payments(provider: str) -> bool:
    """Tell whether a provider has payments that stand for invoices, and no invoices."""
    return provider in _WITH_PAYMENTS


class Desks:
    """Lays out what jobs work with, over one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def for_invoice(self, job: Job) -> InvoiceDeps:
        """Lay out what a job about an invoice works with; its type says how its provider works."""
        view = self._runtime.billing.get(Invoice, UUID(job.args["invoice_id"])).view
        if uses_payments(view.provider):
            return self.for_payments(job)
        return self._for_invoices(job, view)

    def _for_invoices(self, job: Job, view: InvoiceView) -> InvoicingDeps:
        runtime = self._runtime
        gateway = runtime.gateways.invoicing(view.app_id, view.connection)
        return InvoicingDeps(
            billing=runtime.billing,
            gateway=gateway,
            customers=self._customers(gateway),
            now=utc_now,
            heartbeat=lambda: runtime.work.touch(job.id),
        )

    def for_payments(self, job: Job) -> CheckoutDeps:
        """Lay out what a job about an invoice works with where its provider has payments."""
        runtime = self._runtime
        view = runtime.billing.get(Invoice, UUID(job.args["invoice_id"])).view
        gateway = runtime.gateways.checkout(view.app_id, view.connection)
        return CheckoutDeps(
            billing=runtime.billing,
            gateway=gateway,
            customers=self._customers(gateway, payments=True),
            callback_urls=runtime.callback_urls,
            now=utc_now,
            heartbeat=lambda: runtime.work.touch(job.id),
            key_lifetime=MOLLIE_KEY_LIFETIME,
        )

    def for_subscription(self, job: Job) -> SubscriptionDeps | StartSubscriptionDeps:
        """Lay out what a change works with; its type says how its provider works."""
        runtime = self._runtime
        view = runtime.billing.get(Subscription, UUID(job.args["subscription_id"])).view
        if uses_payments(view.provider):
            return self.for_recurring(job)
        gateway = runtime.gateways.invoicing(view.app_id, view.connection)
        return SubscriptionDeps(billing=runtime.billing, gateway=gateway, now=utc_now)

    def for_recurring(self, job: Job) -> StartSubscriptionDeps:
        """Lay out what a job about a subscription works with where payments are repeated."""
        runtime = self._runtime
        view = runtime.billing.get(Subscription, UUID(job.args["subscription_id"])).view
        return StartSubscriptionDeps(
            billing=runtime.billing,
            gateway=runtime.gateways.checkout(view.app_id, view.connection),
            callback_urls=runtime.callback_urls,
            now=utc_now,
        )

    def for_setup(self, job: Job) -> SetupDeps:
        """Lay out what a job about a page for payment methods works with."""
        runtime = self._runtime
        view = runtime.billing.get(MethodSetup, UUID(job.args["setup_id"])).view
        if uses_payments(view.provider):
            return self._for_setup_by_payment(job, view)
        gateway = runtime.gateways.invoicing(view.app_id, view.connection)
        return SetupDeps(
            billing=runtime.billing,
            gateway=gateway,
            customers=self._customers(gateway),
            now=utc_now,
            heartbeat=lambda: runtime.work.touch(job.id),
        )

    def _for_setup_by_payment(self, job: Job, view: MethodSetupView) -> SetupDeps:
        runtime = self._runtime
        gateway = runtime.gateways.checkout(view.app_id, view.connection)
        return SetupDeps(
            billing=runtime.billing,
            gateway=gateway,
            customers=self._customers(gateway, payments=True),
            now=utc_now,
            heartbeat=lambda: runtime.work.touch(job.id),
            key_lifetime=MOLLIE_KEY_LIFETIME,
            webhook_url=runtime.callback_urls.webhook_url(view.provider, view.connection_id),
        )

    def _customers(self, gateway: ProviderGateway, *, payments: bool = False) -> TenantCustomers:
        return TenantCustomers(
            billing=self._runtime.billing,
            gateway=gateway,
            bodies=self._runtime.log,
            now=utc_now,
            key_lifetime=MOLLIE_KEY_LIFETIME if payments else KEY_LIFETIME,
        )

    def for_asking(self) -> FetchDeps:
        """Lay out what asking about an event of a provider that has invoices works with."""
        return FetchDeps(
            billing=self._runtime.billing,
            bodies=self._runtime.log,
            gateway_of=self._runtime.gateways.invoicing,
            now=utc_now,
        )

    def for_hearing(self) -> MolliePaymentDeps:
        """Lay out what hearing of a payment works with."""
        return MolliePaymentDeps(
            billing=self._runtime.billing, gateway_of=self._runtime.gateways.checkout, now=utc_now
        )

    def for_assigning(self, job: Job) -> AssignDeps:
        """Lay out what handing a tenant its invoices works with."""
        runtime = self._runtime
        return AssignDeps(
            billing=runtime.billing,
            newest_position=lambda stream: (
                runtime.log.stream(stream, newest_first=True, limit=1)[0].position
            ),
            unassigned=runtime.unassigned,
            now=utc_now,
            heartbeat=lambda: runtime.work.touch(job.id),
        )
