"""What follows when one of several payments for an invoice is paid: two events → two jobs."""

from __future__ import annotations

from typing import Final

from domain.invoices import events as e
from domain.invoices import events as p
from projections.work.table import JobChange, OpenJob

CANCEL_LEFT_OVER: Final = "cancel_left_over"
RETURN_OVERPAID: Final = "return_overpaid"
TOPICS: Final = (p.PaymentsLeftOver.TOPIC, e.UnexpectedPayment.TOPIC)


def changes_for_payments(event: e.InvoiceEvent, *, queue: str) -> list[JobChange]:
    """Say which row an event opens; its job closes it."""
    invoice_id = str(event.originator_id)
    match event:
        case p.PaymentsLeftOver():
            key, app, actor = f"left_over:{invoice_id}", event.app_id, CANCEL_LEFT_OVER
            return [
                OpenJob(key=key, app=app, queue=queue, actor=actor, args={"invoice_id": invoice_id})
            ]
        case e.UnexpectedPayment() if event.object_type == "payment" and event.app_id is not None:
            args = {"invoice_id": invoice_id, "payment_id": event.provider_object_id}
            return [
                OpenJob(
                    key=f"overpaid:{invoice_id}:{event.provider_object_id}",
                    app=event.app_id,
                    queue=queue,
                    actor=RETURN_OVERPAID,
                    args=args,
                )
            ]
    return []
