"""All operations of this sandbox, and all that it does by itself."""

from __future__ import annotations

from sandbox.mollie import mandates, payments, settling
from sandbox.mollie.agenda import Actions
from sandbox.mollie.operations import Operation

OPERATIONS: list[Operation] = [
    *payments.OPERATIONS,
    *mandates.OPERATIONS,
]

ACTIONS: Actions = {
    "payment.expire": settling.expire,
    "payment.settle": settling.settle,
    "mandate.decide": mandates.decide,
}
