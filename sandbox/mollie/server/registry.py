"""Registry of all operations and agenda handlers."""

from __future__ import annotations

from sandbox.mollie.core.agenda import Actions
from sandbox.mollie.core.operations import Operation
from sandbox.mollie.customers import customers
from sandbox.mollie.mandates import mandates
from sandbox.mollie.methods import methods
from sandbox.mollie.payments import captures, payments
from sandbox.mollie.payments import status as payment_status
from sandbox.mollie.refunds import chargebacks, refunds
from sandbox.mollie.subscriptions import renewals, subscriptions
from sandbox.mollie.webhooks import webhooks

OPERATIONS: list[Operation] = [
    *payments.OPERATIONS,
    *methods.OPERATIONS,
    *customers.OPERATIONS,
    *mandates.OPERATIONS,
    *subscriptions.OPERATIONS,
    *refunds.OPERATIONS,
    *chargebacks.OPERATIONS,
    *captures.OPERATIONS,
    *webhooks.OPERATIONS,
]

ACTIONS: Actions = {
    "payment.expire": payment_status.expire,
    "payment.settle": payment_status.finish,
    "payment.capture": captures.capture_due,
    "capture.settle": captures.settle,
    "mandate.decide": mandates.resolve,
    "subscription.charge": renewals.charge,
    "refund.step": refunds.advance,
}
