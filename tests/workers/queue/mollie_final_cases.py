"""Cases of jobs that fail for good at Mollie: one subject in need of each job and call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.invoices.commands import (
    RequestCapture,
    RequestRefund,
    RequestRetry,
    RequestVoid,
)
from domain.subscriptions.commands import CancelSubscription, ChangeSubscription
from domain.subscriptions.items import RequestedPrice
from domain.subscriptions.mandate_subscription import schedule_end
from domain.subscriptions.subscription import Subscription
from tests.workers.mollie_harness import MollieBench
from tests.workers.payments import test_mollie_mandate_setup as mollie_setups
from tests.workers.payments.test_refund_overpayment import paid_twice
from tests.workers.queue import interrupted_cases as interrupted
from tests.workers.queue.final_error_cases import (
    Args,
    Case,
    invoice_args,
    lookup_args,
    request_change,
)
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from tests.workers.tenants.test_update_customers import changed_contact
from workers.queue import jobs


def _charge(mollie: MollieBench) -> Args:
    return invoice_args(mollie.request())


def _action(kind: Any, **more: Any) -> Callable[[MollieBench], Args]:
    def prepare(mollie: MollieBench) -> Args:
        invoice_id = mollie.charged().view.id
        mollie.request_action(invoice_id, kind, **more)
        return invoice_args(invoice_id)

    return prepare


def _refund(mollie: MollieBench) -> Args:
    view = mollie.charged().view
    mollie.pay(view.provider_object_id)
    mollie.receive_webhook(view.provider_object_id)
    refund_id = mollie.request_action(view.id, RequestRefund, amount_minor=700)
    return invoice_args(view.id) | {"refund_id": str(refund_id)}


def _capture(mollie: MollieBench) -> Args:
    view = mollie.charged(payment_method="klarna").view
    mollie.pay(view.provider_object_id, "authorized")
    mollie.receive_webhook(view.provider_object_id)
    mollie.request_action(view.id, RequestCapture, amount_minor=700)
    return invoice_args(view.id)


def _other_payments(mollie: MollieBench) -> Args:
    first = mollie.charged(payment_method="ideal").view
    mollie.retry(first.id, "banktransfer")
    mollie.pay(first.provider_object_id)
    mollie.receive_webhook(first.provider_object_id)
    return invoice_args(first.id)


def _overpayment(mollie: MollieBench) -> Args:
    mollie.connect(refund_overpayments=True)
    view = paid_twice(mollie)
    return invoice_args(view.id) | {"payment_id": view.objects[0]}


def _change(kind: Any) -> Callable[[MollieBench], Args]:
    def prepare(mollie: MollieBench) -> Args:
        stream = Recurring(mollie).started().id
        more = {"lines": [RequestedPrice("monthly", 2)]}
        chosen = more if kind is ChangeSubscription else {}
        return request_change(mollie.billing, stream, kind, at_period_end=True, **chosen)

    return prepare


def _start(mollie: MollieBench) -> Args:
    recurring = Recurring(mollie)
    invoice = recurring.request()
    recurring.pay(invoice)
    return {"subscription_id": str(recurring.stream(invoice))}


def _check(mollie: MollieBench) -> Args:
    recurring = Recurring(mollie)
    view = recurring.started()
    now = mollie.clock()
    mollie.billing.change(
        Subscription,
        view.id,
        # The check is due when the subscription should have ended.
        lambda one: schedule_end(one, ends_at=int(now.timestamp()) - 1, occurred_at=now),
    )
    return {"subscription_id": str(view.id)}


def _setup(mollie: MollieBench) -> Args:
    return {"setup_id": str(mollie_setups.request_setup(mollie))}


def _hint(mollie: MollieBench) -> Args:
    payment = mollie.charged().view.provider_object_id
    mollie.pay(payment)
    return {"hint_id": str(mollie.hint(payment))}


def _subscription(mollie: MollieBench) -> Args:
    return invoice_args(mollie.request({"price": "monthly"}, type="subscription"))


def _event(mollie: MollieBench) -> Args:
    payment = mollie.charged().view.provider_object_id
    mollie.pay(payment)
    return {"provider_event_id": str(mollie.receive_event("payment.paid", payment))}


def _lookup(kind: str) -> Callable[[MollieBench], Args]:
    def prepare(mollie: MollieBench) -> Args:
        payment = mollie.charged().view.provider_object_id
        return lookup_args(mollie, kind, object_id=payment, payment_id=payment)

    return prepare


def _customer(mollie: MollieBench) -> Args:
    return {"tenant_stream": str(changed_contact(mollie))}


MOLLIE: list[Case[MollieBench]] = [
    Case("charge", jobs.CHARGE_INVOICE, _charge),
    Case("retry", jobs.CHARGE_INVOICE, _action(RequestRetry, payment_method=None)),
    Case("void", jobs.CHARGE_INVOICE, _action(RequestVoid)),
    Case("refund", jobs.REFUND_INVOICE, _refund),
    Case("capture", jobs.CHARGE_INVOICE, _capture),
    Case("other payments", jobs.CANCEL_OTHER_PAYMENTS, _other_payments),
    Case("overpayment", jobs.REFUND_OVERPAYMENT, _overpayment),
    Case("cancel", jobs.CHANGE_SUBSCRIPTION, _change(CancelSubscription)),
    Case("change", jobs.CHANGE_SUBSCRIPTION, _change(ChangeSubscription)),
    Case("start", jobs.START_SUBSCRIPTION, _start),
    Case("check", jobs.CHECK_SUBSCRIPTION, _check),
    Case("setup", jobs.SET_UP_METHOD, _setup),
    Case("hint", jobs.APPLY_PAYMENT_HINT, _hint),
    Case("subscribe", jobs.CHARGE_INVOICE, _subscription),
    Case("customer", jobs.UPDATE_CUSTOMERS, _customer),
    Case("event", jobs.FETCH_AND_APPLY, _event),
    Case("document", jobs.ANSWER_LOOKUP, _lookup("document")),
    Case("credentials", jobs.ANSWER_LOOKUP, _lookup("credentials")),
    Case("customer again", jobs.CHARGE_INVOICE, interrupted.mollie_charge("create_customer")),
    Case("payment again", jobs.CHARGE_INVOICE, interrupted.mollie_charge("create_payment")),
    Case("capture again", jobs.CHARGE_INVOICE, interrupted.mollie_capture),
    Case("setup again", jobs.SET_UP_METHOD, interrupted.mollie_setup),
    Case("start again", jobs.START_SUBSCRIPTION, interrupted.mollie_start),
]
