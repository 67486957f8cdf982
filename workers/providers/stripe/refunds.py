"""Calls on issued invoices: void, write off, refund."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from typing import Any, Final

import stripe

from domain.gateway.objects import (
    PaidPayment,
    ProviderCreditNote,
    ProviderDispute,
    ProviderInvoice,
    ProviderRefund,
    RefundDraft,
    RefundsAndDisputes,
)
from workers.providers.bounded_fields import reading
from workers.providers.stripe import objects, refund_objects
from workers.providers.stripe.client import (
    answered_at,
    call_stripe,
    json_of,
    object_in,
    page_of,
    pages,
)

_PAGE: Final = 100
Json = dict[str, Any]


class IssuedInvoiceCalls:
    """Methods of a gateway that change an issued invoice or fetch its refunds and disputes."""

    _client: stripe.StripeClient

    def void_invoice(self, invoice_id: str, *, key: str) -> ProviderInvoice:
        """Void the invoice. Stripe docs: void an invoice."""
        answer = call_stripe(
            lambda: self._client.v1.invoices.void_invoice(
                invoice_id, {"expand": objects.WITH_PAYMENT}, {"idempotency_key": key}
            )
        )
        return objects.to_invoice(json_of(answer), as_of=answered_at(answer))

    def write_off_invoice(self, invoice_id: str, *, key: str) -> ProviderInvoice:
        """Write the invoice off. Stripe docs: mark an invoice as uncollectible."""
        answer = call_stripe(
            lambda: self._client.v1.invoices.mark_uncollectible(
                invoice_id, {"expand": objects.WITH_PAYMENT}, {"idempotency_key": key}
            )
        )
        return objects.to_invoice(json_of(answer), as_of=answered_at(answer))

    def refund(self, draft: RefundDraft, *, key: str) -> ProviderRefund:
        """Refund a payment, with or without a credit note. Stripe docs: create a credit note."""
        if not draft.credit_note:
            params: Any = _refund_params(draft)
            made = call_stripe(
                lambda: self._client.v1.refunds.create(params, {"idempotency_key": key})
            )
            return refund_objects.to_refund(json_of(made))
        noted: Any = _credit_note_params(draft, {"refund_amount": draft.amount_minor})
        note = json_of(
            call_stripe(
                lambda: self._client.v1.credit_notes.create(noted, {"idempotency_key": key})
            )
        )
        with reading("credit_note.refunds"):
            refund_id = refund_objects.refund_ids_of(note)[0]
        found = call_stripe(lambda: self._client.v1.refunds.retrieve(refund_id))
        return refund_objects.to_refund(json_of(found), reference=draft.reference)

    def create_credit_note(
        self, draft: RefundDraft, refund_id: str, *, key: str
    ) -> ProviderCreditNote:
        """Link a credit note to an existing refund. Stripe docs: create a credit note."""
        linked: Json = {"refunds": [{"refund": refund_id, "amount_refunded": draft.amount_minor}]}
        params: Any = _credit_note_params(draft, linked)
        made = call_stripe(
            lambda: self._client.v1.credit_notes.create(params, {"idempotency_key": key})
        )
        return refund_objects.to_credit_note(json_of(made))

    def fetch_paid_payments(self, invoice_id: str) -> tuple[PaidPayment, ...]:
        """Fetch the paid payments, the oldest first, several ones with what went back of them."""
        params: Any = {"invoice": invoice_id, "status": "paid", "limit": _PAGE}
        listed = pages(self._client.v1.invoice_payments, params)
        # The list is sorted newest first.
        found = sorted(map(refund_objects.to_paid_part, reversed(listed)), key=itemgetter(0))
        paid = tuple(payment for _, payment in found)
        return tuple(map(self._with_returned, paid)) if len(paid) > 1 else paid

    def _with_returned(self, payment: PaidPayment) -> PaidPayment:
        if payment.id is None:
            return payment
        refunds, disputes = self._returned(payment.id)
        return replace(
            payment,
            refunds=tuple(map(refund_objects.to_refund, refunds)),
            disputed_minor=sum(one.amount_minor for one in disputes if one.state != "won"),
        )

    def _returned(self, payment_id: str) -> tuple[list[Json], list[ProviderDispute]]:
        by_payment: Any = {"payment_intent": payment_id, "limit": _PAGE}
        refunds = pages(self._client.v1.refunds, by_payment)
        found = map(refund_objects.to_dispute, pages(self._client.v1.disputes, by_payment))
        return refunds, [dispute for dispute in found if dispute is not None]

    def fetch_refunds_and_disputes(self, invoice_id: str) -> RefundsAndDisputes:
        """Fetch refunds and disputes by payment; credit notes identify our refunds.

        The notes come last: each of those refunds has its note by then, and none is taken for
        somebody else's.
        """
        refunds: list[Json] = []
        disputes: list[ProviderDispute] = []
        for payment_id in self._payments_of(invoice_id):
            refunded, disputed = self._returned(payment_id)
            refunds += refunded
            disputes += disputed
        notes = self._notes_of(invoice_id)
        noted = refund_objects.references_in(notes)
        return RefundsAndDisputes(
            refunds=tuple(
                refund_objects.to_refund(data, reference=noted.get(objects.object_id(data)))
                for data in refunds
            ),
            disputes=tuple(disputes),
            credit_notes=tuple(map(refund_objects.to_credit_note, notes)),
        )

    def find_invoice_of(self, payment_id: str) -> str | None:
        """Find a payment's invoice. Stripe docs: list invoice payments."""
        params: Any = {"payment": {"type": "payment_intent", "payment_intent": payment_id}}
        found, _ = page_of(call_stripe(lambda: self._client.v1.invoice_payments.list(params)))
        return objects.id_of(found[0].get("invoice")) if found else None

    def _payments_of(self, invoice_id: str) -> list[str]:
        params: Any = {"invoice": invoice_id, "limit": _PAGE}
        entries = pages(self._client.v1.invoice_payments, params)
        payments = [object_in(entry, "payment") for entry in entries]
        intents = [objects.id_of(payment.get("payment_intent")) for payment in payments]
        return [intent for intent in intents if intent is not None]

    def _notes_of(self, invoice_id: str) -> list[Json]:
        params: Any = {"invoice": invoice_id, "limit": _PAGE}
        return pages(self._client.v1.credit_notes, params)


def _refund_params(draft: RefundDraft) -> Json:
    params: Json = {
        "payment_intent": draft.payment_id,
        "amount": draft.amount_minor,
        "metadata": draft.metadata,
    }
    return params | ({} if draft.reason is None else {"reason": draft.reason})


# Credit notes have other reasons; a reason without a counterpart is kept only in our log.
_NOTE_REASONS: Final = {"duplicate": "duplicate", "fraudulent": "fraudulent"}


def _credit_note_params(draft: RefundDraft, refunded: Json) -> Json:
    reason = _NOTE_REASONS.get(draft.reason or "")
    params: Json = {
        "invoice": draft.invoice_id,
        "amount": draft.amount_minor,
        **refunded,
        "metadata": draft.metadata,
    }
    return params | ({} if reason is None else {"reason": reason})
