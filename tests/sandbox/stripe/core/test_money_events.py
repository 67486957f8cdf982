"""The webhooks of all that happens to money after the charge, as the SDK reads them."""

from __future__ import annotations

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.webhook_receiver import Sink
from tests.support.sandbox import wait_for

EXPECTED = {
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "charge.refunded",
    "credit_note.created",
    "credit_note.updated",
    "credit_note.voided",
    "invoice.marked_uncollectible",
    "invoice.overpaid",
    "invoice.paid",
    "invoice.voided",
    "invoice_payment.paid",
    "payment_intent.canceled",
    "refund.created",
    "refund.failed",
    "refund.updated",
}


def test_every_movement_sends_an_event(shop: Shop, sink: Sink) -> None:
    endpoint = shop.stripe.webhook_endpoints.create({"url": sink.url, "enabled_events": ["*"]})
    customer = shop.customer("pm_card_pendingRefund").id
    one, two, three = (shop.opened(customer, 1000) for _ in range(3))
    shop.stripe.invoices.pay(one.id)
    note = shop.stripe.credit_notes.create({"invoice": one.id, "amount": 200, "refund_amount": 200})
    shop.stripe.credit_notes.update(note.id, {"memo": "m"})
    shop.admin.fail_refund(str(note.refunds[0].refund))
    shop.admin.succeed_refund(shop.admin.refund(one.id, amount=100)["id"])
    for verdict in ("win", "lose"):
        warning = shop.admin.dispute(one.id, amount=300, status="warning_needs_response")
        shop.admin.decide_dispute(warning["id"], "escalate")
        shop.admin.decide_dispute(warning["id"], verdict)
    shop.admin.overpay(one.id, amount=100)
    owed = shop.stripe.credit_notes.create({"invoice": two.id, "amount": 100})
    shop.stripe.credit_notes.void_credit_note(owed.id)
    shop.admin.mark_uncollectible(two.id)
    shop.admin.void(two.id)
    shop.admin.pay_out_of_band(three.id)
    made = len(shop.event_types())
    events = wait_for(lambda: sink.received if len(sink.received) >= made else [])
    seen = {item.event(str(endpoint.secret)).type for item in events}
    assert seen >= EXPECTED
