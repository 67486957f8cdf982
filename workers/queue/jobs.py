"""Registry of all jobs: the only place where a job is listed.

Reactions refer to the `JobType` objects below; the broker, the actors and the handling of exhausted
retries read `JOB_TYPES`. A new job is a `JobType` here, an entry of `JOB_TYPES` and a reaction that
opens it (`reactions.py`).
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from domain.core import ids
from domain.invoices.invoice import Invoice
from projections.work import provider_lookup as lookup_table
from projections.work.table import Job
from workers.invoices.charge_invoice import charge_invoice
from workers.invoices.job import InvoiceDeps, InvoicingDeps
from workers.invoices.provider_lookup import answer_lookup
from workers.invoices.refund import refund_invoice
from workers.payments.actions import cancel_other_payments, charge_or_perform_action
from workers.payments.checkout import CheckoutDeps
from workers.payments.refund_overpayment import refund_overpayment
from workers.payments.setup_method import SetupDeps, set_up_method
from workers.provider_objects.assign_to_tenant import AssignDeps, assign_to_tenant
from workers.queue import final_errors as final
from workers.queue import job_dependencies as deps_for
from workers.queue import retries_exhausted as exhausted
from workers.queue.job_type import EVENTS, LOOKUPS, REQUESTS, JobType
from workers.runtime import Runtime
from workers.subscriptions.change import SubscriptionDeps, change_subscription
from workers.subscriptions.mollie_change import change_mandate_subscription
from workers.subscriptions.mollie_common import MandateSubscriptionDeps
from workers.subscriptions.mollie_start import (
    StartSubscriptionDeps,
    mark_subscription_not_started,
    start_subscription,
)
from workers.subscriptions.mollie_watch import check_subscription
from workers.tenants.update_customers import UpdateCustomersDeps, update_customers
from workers.webhooks.fetch_and_apply import fetch_and_apply
from workers.webhooks.mollie_jobs import apply_payment_event, apply_payment_hint
from workers.webhooks.mollie_payment import MolliePaymentDeps
from workers.webhooks.record_fetched import FetchDeps


def _id(job: Job, name: str) -> UUID:
    return UUID(job.args[name])


# Invoices.


def _charge_invoice(job: Job, deps: InvoiceDeps) -> None:
    match deps:
        case CheckoutDeps():
            charge_or_perform_action(_id(job, "invoice_id"), deps)
        case InvoicingDeps():
            charge_invoice(_id(job, "invoice_id"), deps)


def _read_to_charge(job: Job) -> list[UUID]:
    """Return the invoice, its connection and its tenant, as far as the job names them."""
    streams = [_id(job, "invoice_id")]
    if job.connection is not None:
        streams.append(ids.for_connection(job.app, job.connection))
    if "tenant_id" in job.args:
        streams.append(ids.for_tenant(job.app, _id(job, "tenant_id")))
    return streams


CHARGE_INVOICE: Final[JobType[InvoiceDeps]] = JobType(
    name="charge_invoice",
    queue=REQUESTS,
    run=_charge_invoice,
    dependencies=deps_for.invoice,
    on_exhausted=exhausted.stop_invoice_step,
    on_failed=final.end_invoice_request,
    reuses=(Invoice,),
    reads=_read_to_charge,
)
REFUND_INVOICE: Final[JobType[InvoiceDeps]] = JobType(
    name="refund_invoice",
    queue=REQUESTS,
    run=lambda job, deps: refund_invoice(_id(job, "invoice_id"), _id(job, "refund_id"), deps),
    dependencies=deps_for.invoice,
    on_exhausted=exhausted.stop_refund,
    on_failed=final.end_failed_refund,
)
CANCEL_OTHER_PAYMENTS: Final[JobType[CheckoutDeps]] = JobType(
    name="cancel_other_payments",
    queue=EVENTS,
    run=lambda job, deps: cancel_other_payments(_id(job, "invoice_id"), deps),
    dependencies=deps_for.checkout,
    on_exhausted=None,
    on_failed=final.keep_for_operator,
)
REFUND_OVERPAYMENT: Final[JobType[CheckoutDeps]] = JobType(
    name="refund_overpayment",
    queue=EVENTS,
    run=lambda job, deps: refund_overpayment(_id(job, "invoice_id"), job.args["payment_id"], deps),
    dependencies=deps_for.checkout,
    on_exhausted=None,
    on_failed=final.keep_for_operator,
)


# Subscriptions.


def _change_subscription(job: Job, deps: SubscriptionDeps | MandateSubscriptionDeps) -> None:
    match deps:
        case MandateSubscriptionDeps():
            change_mandate_subscription(_id(job, "subscription_id"), deps)
        case SubscriptionDeps():
            change_subscription(_id(job, "subscription_id"), deps)


CHANGE_SUBSCRIPTION: Final[JobType[SubscriptionDeps | MandateSubscriptionDeps]] = JobType(
    name="change_subscription",
    queue=REQUESTS,
    run=_change_subscription,
    dependencies=deps_for.subscription,
    on_exhausted=exhausted.stop_subscription_change,
    on_failed=final.end_subscription_request,
)
START_SUBSCRIPTION: Final[JobType[StartSubscriptionDeps]] = JobType(
    name="start_subscription",
    queue=EVENTS,
    run=lambda job, deps: start_subscription(_id(job, "subscription_id"), deps),
    dependencies=deps_for.mandate_subscription,
    on_exhausted=exhausted.stop_subscription_start,
    on_failed=final.stop_subscription_start,
)
MARK_SUBSCRIPTION_NOT_STARTED: Final[JobType[StartSubscriptionDeps]] = JobType(
    name="mark_subscription_not_started",
    queue=EVENTS,
    run=lambda job, deps: mark_subscription_not_started(_id(job, "subscription_id"), deps),
    dependencies=deps_for.mandate_subscription,
    on_exhausted=None,
    on_failed=final.keep_for_operator,
)
CHECK_SUBSCRIPTION: Final[JobType[StartSubscriptionDeps]] = JobType(
    name="check_subscription",
    queue=EVENTS,
    run=lambda job, deps: check_subscription(_id(job, "subscription_id"), deps),
    dependencies=deps_for.mandate_subscription,
    on_exhausted=None,
    on_failed=final.check_later,
)


# Payment methods and tenants.

SET_UP_METHOD: Final[JobType[SetupDeps]] = JobType(
    name="set_up_method",
    queue=REQUESTS,
    run=lambda job, deps: set_up_method(_id(job, "setup_id"), deps),
    dependencies=deps_for.setup,
    on_exhausted=exhausted.stop_method_setup,
    on_failed=final.reject_method_setup,
)
ASSIGN_TO_TENANT: Final[JobType[AssignDeps]] = JobType(
    name="assign_to_tenant",
    queue=EVENTS,
    run=lambda job, deps: assign_to_tenant(_id(job, "tenant_stream"), deps),
    dependencies=deps_for.assignment,
    on_exhausted=None,
    on_failed=final.keep_for_operator,
)

UPDATE_CUSTOMERS: Final[JobType[UpdateCustomersDeps]] = JobType(
    name="update_customers",
    queue=EVENTS,
    run=lambda job, deps: update_customers(_id(job, "tenant_stream"), deps),
    dependencies=deps_for.customer_updates,
    on_exhausted=None,
    on_failed=final.keep_for_operator,
)


# Webhooks.


def _fetch_and_apply(job: Job, deps: FetchDeps | MolliePaymentDeps) -> None:
    match deps:
        case MolliePaymentDeps():
            apply_payment_event(_id(job, "provider_event_id"), deps)
        case FetchDeps():
            fetch_and_apply(_id(job, "provider_event_id"), deps)


FETCH_AND_APPLY: Final[JobType[FetchDeps | MolliePaymentDeps]] = JobType(
    name="fetch_and_apply",
    queue=EVENTS,
    run=_fetch_and_apply,
    dependencies=deps_for.provider_event,
    on_exhausted=exhausted.park_provider_event,
    on_failed=final.park_provider_event,
    is_reconciled=True,
)
APPLY_PAYMENT_HINT: Final[JobType[MolliePaymentDeps]] = JobType(
    name="apply_payment_hint",
    queue=EVENTS,
    run=lambda job, deps: apply_payment_hint(_id(job, "hint_id"), deps),
    dependencies=deps_for.payment_hint,
    on_exhausted=exhausted.stop_payment_hint,
    on_failed=final.close_payment_hint,
    is_reconciled=True,
)


# Provider lookups: the service inserts their rows itself, so `projections` names actor and queue.


def _answer_lookup(job: Job, runtime: Runtime) -> None:
    answer_lookup(
        _id(job, "lookup_id"),
        table=runtime.lookups,
        vault=runtime.vault,
        gateway_of=runtime.gateways.of,
    )


ANSWER_LOOKUP: Final[JobType[Runtime]] = JobType(
    name=lookup_table.ACTOR,
    queue=LOOKUPS,
    run=_answer_lookup,
    dependencies=lambda runtime, _: runtime,
    on_exhausted=None,
    on_failed=final.answer_failed_lookup,
)

JOB_TYPES: Final[dict[str, JobType[Any]]] = {
    job_type.name: job_type
    for job_type in (
        CHARGE_INVOICE,
        REFUND_INVOICE,
        CANCEL_OTHER_PAYMENTS,
        REFUND_OVERPAYMENT,
        CHANGE_SUBSCRIPTION,
        START_SUBSCRIPTION,
        MARK_SUBSCRIPTION_NOT_STARTED,
        CHECK_SUBSCRIPTION,
        SET_UP_METHOD,
        ASSIGN_TO_TENANT,
        UPDATE_CUSTOMERS,
        FETCH_AND_APPLY,
        APPLY_PAYMENT_HINT,
        ANSWER_LOOKUP,
    )
}
QUEUES: Final = tuple(
    dict.fromkeys(queue for job_type in JOB_TYPES.values() for queue in job_type.queues)
)
