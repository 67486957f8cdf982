"""Find our invoice of a provider's invoice that an event names, by recent events."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from uuid import UUID

from domain.core.aggregate import AggregateRoot
from domain.gateway.objects import ProviderInvoice
from domain.inbox.provider_event import ProviderEventReceived
from domain.invoices.invoice import Invoice
from domain.invoices.staleness import is_payment_known
from workers.webhooks.parse import ParsedEvent

_MOST_INVOICES: Final = 10_000


class KnownInvoices:
    """Keeps the newest claims of provider invoices in memory.

    A claim comes from an object's metadata; it is verified against the invoice that it names.
    """

    def __init__(self) -> None:
        self._by_object: OrderedDict[tuple[UUID, str, str], UUID] = OrderedDict()

    def resolve(self, parsed_events: Iterable[ParsedEvent]) -> list[ParsedEvent]:
        """Return the events; those about a payment with our invoice as their subject, if known."""
        resolved = []
        for parsed in parsed_events:
            if isinstance(parsed.snapshot, ProviderInvoice):
                self._keep(_key(parsed.entry, parsed.snapshot.id), parsed.entry.invoice_id)
            elif parsed.payment is not None:
                ours = self._by_object.get(_key(parsed.entry, parsed.payment.invoice_id))
                parsed = parsed if ours is None else replace(parsed, subject=ours)  # noqa: PLW2901 - the same event
            resolved.append(parsed)
        return resolved

    def _keep(self, key: tuple[UUID, str, str], claimed: UUID | None) -> None:
        if claimed is None:
            return
        self._by_object[key] = claimed
        self._by_object.move_to_end(key)
        if len(self._by_object) > _MOST_INVOICES:
            self._by_object.popitem(last=False)


def _key(entry: ProviderEventReceived, object_id: str) -> tuple[UUID, str, str]:
    return entry.connection_id, entry.mode, object_id


def is_known_payment(parsed: ParsedEvent, subject: AggregateRoot | None) -> bool:
    """Return whether an event reports the payment that its invoice is known to be paid by."""
    if parsed.payment is None or not isinstance(subject, Invoice):
        return False
    is_ours = subject.view.connection_id == parsed.entry.connection_id
    return is_ours and is_payment_known(subject.view, parsed.payment)
