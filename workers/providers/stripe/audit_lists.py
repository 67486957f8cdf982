"""List what a Stripe account has at the moment, a page at a time, for audits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from workers.providers.retry import Page, Span, T, read_page
from workers.providers.stripe import objects, refund_objects
from workers.providers.stripe.client import answered_at, page_of
from workers.providers.stripe.history import PAGE, StripeHistory, paid_by

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class PartOfInvoice:
    """A refund, dispute or credit note, by the payment that it belongs to, or by its invoice."""

    object_type: str
    object_id: str
    created_at: int
    back: RefundsAndDisputes
    payment: str | None = None
    invoice: str | None = None


class StripeAuditLists(StripeHistory):
    """The lists of a Stripe account in one mode. All calls are GETs and raise the port's errors."""

    def current_invoices(self, span: Span, after: str | None) -> Page[ProviderInvoice]:
        """List the invoices created in a time range, without payments, as they are now."""
        return self._current(
            "invoices", span, after, lambda data, as_of: objects.to_invoice(data, as_of=as_of)
        )

    def refunds(self, span: Span, after: str | None) -> Page[PartOfInvoice]:
        """List the refunds created in a time range. Stripe docs: list all refunds."""
        return self._current("refunds", span, after, lambda data, _: _refund(data))

    def disputes(self, span: Span, after: str | None) -> Page[PartOfInvoice]:
        """List the disputes created in a time range, without inquiries."""
        return self._current("disputes", span, after, lambda data, _: _dispute(data))

    def credit_notes(self, span: Span, after: str | None) -> Page[PartOfInvoice]:
        """List the credit notes created in a time range. Stripe docs: list all credit notes."""
        return self._current("credit_notes", span, after, lambda data, _: _credit_note(data))

    def _current(
        self,
        what: str,
        span: Span,
        after: str | None,
        read: Callable[[dict[str, Any], int], T],
        *,
        expand: list[str] | None = None,
    ) -> Page[T]:
        """Read a page of objects as of the time of the answer."""
        params: dict[str, Any] = {
            "limit": PAGE,
            "created": {"gte": span.start, "lt": span.end},
        }
        if after is not None:
            params["starting_after"] = after
        if expand is not None:
            params["expand"] = expand
        answer = self._get(what, params)
        as_of = answered_at(answer)
        found, last = page_of(answer)
        return read_page(found, lambda data: read(data, as_of), last=last)


def _refund(data: Json) -> PartOfInvoice:
    found = refund_objects.to_refund(data)
    return PartOfInvoice(
        object_type="refund",
        object_id=found.id,
        created_at=found.refunded_at,
        back=RefundsAndDisputes(refunds=(found,)),
        payment=paid_by(data),
    )


def _dispute(data: Json) -> PartOfInvoice:
    """Read a dispute; an inquiry has nothing to compare."""
    found = refund_objects.to_dispute(data)
    return PartOfInvoice(
        object_type="dispute",
        object_id=objects.object_id(data),
        created_at=0 if found is None else found.disputed_at,
        back=RefundsAndDisputes(disputes=() if found is None else (found,)),
        payment=paid_by(data),
    )


def _credit_note(data: Json) -> PartOfInvoice:
    found = refund_objects.to_credit_note(data)
    return PartOfInvoice(
        object_type="credit_note",
        object_id=found.id,
        created_at=int(data["created"]),
        back=RefundsAndDisputes(credit_notes=(found,)),
        invoice=refund_objects.invoice_of(data),
    )
