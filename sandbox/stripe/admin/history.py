"""Generate years of past invoices, for tests of imports.

Each invoice is drafted, finalised, charged and perhaps refunded at its own time in the past, oldest
first. Events are omitted, because Stripe keeps them for thirty days only.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace

from pydantic import Field

from sandbox.common.clock import StrictModel
from sandbox.common.store import Json
from sandbox.stripe.catalogue.pricing import LineFields, LineRequest, cost
from sandbox.stripe.collection.pay import attempt
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import Declined
from sandbox.stripe.customers import customers
from sandbox.stripe.invoices.invoice_object import new_invoice
from sandbox.stripe.invoices.lifecycle import finalize_invoice
from sandbox.stripe.invoices.lines import draw_pending, new_item
from sandbox.stripe.payment_methods.payment_methods import attach_to
from sandbox.stripe.refunds import refunds

MOST = 10_000
PER_CUSTOMER = 20
YEAR_S = 365 * 86400
AMOUNTS = (500, 900, 1900, 2900, 4900, 9900, 19900)
REFUNDED_AFTER_S = 2 * 86400


class History(StrictModel):
    """The history to generate. ``failed`` and ``refunded``: shares of 1."""

    invoices: int = Field(ge=1, le=MOST)
    customers: int | None = Field(default=None, ge=1)
    since: int | None = None
    until: int | None = None
    currency: str = "eur"
    failed: float = Field(default=0.05, ge=0, le=1)
    refunded: float = Field(default=0.03, ge=0, le=1)
    seed: int = 0


class SilentCall(Call):
    """A Call that emits no events."""

    def emit(self, kind: str, body: Json, *, previous: Json | None = None) -> None:
        """Stores and sends nothing."""

    def change(self, body: Json, changes: Json, event: str | None = None) -> Json:
        """Stores the change, without an event."""
        del event
        body.update(changes)
        return self.put(body)


@dataclass(frozen=True)
class _Buyer:
    customer: str
    good: Json
    bad: Json


def generate(call: Call, request: History) -> Json:
    """Generates the history; returns the counts and the net amount paid."""
    chance = random.Random(request.seed)  # noqa: S311 - the same history for the same seed
    until = call.now if request.until is None else request.until
    since = until - YEAR_S if request.since is None else request.since
    quiet = SilentCall(call.store, call.account, since, call.public_url)
    number = request.customers or max(1, request.invoices // PER_CUSTOMER)
    buyers = [_buyer(quiet, index) for index in range(number)]
    times = sorted(chance.randrange(since, max(since + 1, until)) for _ in range(request.invoices))
    counts: Counter[str] = Counter(customers=number, invoices=request.invoices)
    for at in times:
        counts += _invoice(
            replace(quiet, now=at),
            buyers[chance.randrange(number)],
            request,
            amount=chance.choice(AMOUNTS),
            fate=chance.random(),
        )
    counts["paid"] = counts["invoices"] - counts["failed"]
    return {"failed": 0, "refunded": 0, "net_amount": 0, **counts}


def _buyer(call: Call, index: int) -> _Buyer:
    params = customers.CreateCustomer.model_validate(
        {"email": f"buyer-{index}@example.org", "name": f"Buyer {index}"}
    )
    customer = customers.create(call, params)["id"]
    good = attach_to(call, "pm_card_visa", customer=customer)
    bad = attach_to(call, "pm_card_chargeDeclined", customer=customer)
    settings: Json = {"invoice_settings": {"default_payment_method": good["id"]}}
    update = customers.UpdateCustomer.model_validate(settings)
    customers.update(replace(call, path={"customer": customer}), update)
    return _Buyer(customer, good, bad)


def _invoice(
    call: Call, buyer: _Buyer, request: History, *, amount: int, fate: float
) -> Counter[str]:
    invoice = call.put(new_invoice(call, call.load("customer", buyer.customer), request.currency))
    line = LineFields.model_validate({"amount": str(amount), "description": "From the old days"})
    price = cost(call, LineRequest(line, None, None, request.currency))
    draw_pending(call, invoice, [new_item(call, price, line, customer=buyer.customer)])
    finalize_invoice(call, invoice, auto_advance=False)
    fails = fate < request.failed
    try:
        attempt(call, invoice, buyer.bad if fails else buyer.good, off_session=True)
    except Declined:
        return Counter(failed=1)
    if fate < request.failed + request.refunded:
        return Counter(refunded=1, net_amount=amount - _refund(call, invoice))
    return Counter(net_amount=amount)


def _refund(call: Call, invoice: Json) -> int:
    """Refunds half of an invoice two days later; returns the amount."""
    intent = call.load("payment_intent", invoice["_payment_intent"])
    later = replace(call, now=call.now + REFUNDED_AFTER_S)
    charge = later.load("charge", intent["latest_charge"])
    refund = refunds.new_refund(later, charge, amount=charge["amount"] // 2)
    refunds.issue_refund(later, charge, refund)
    return int(refund["amount"])
