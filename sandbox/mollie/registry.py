"""All operations of this sandbox, and all that it does by itself."""

from __future__ import annotations

from sandbox.mollie import (
    captures,
    chargebacks,
    customers,
    mandates,
    methods,
    payments,
    refunds,
    renewals,
    settling,
    subscriptions,
    webhooks,
)
from sandbox.mollie.agenda import Actions
from sandbox.mollie.operations import Operation

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
    "payment.expire": settling.expire,
    "payment.settle": settling.settle,
    "mandate.decide": mandates.decide,
    "subscription.charge": renewals.charge,
    "refund.step": refunds.step,
}
