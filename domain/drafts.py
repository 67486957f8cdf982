"""What is known of a draft: it can still be changed at the provider, so its amounts follow."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from domain import invoice_events as e
from domain import status
from domain.gateway import ProviderInvoice
from domain.provider_state import facts_of, issued_lines

if TYPE_CHECKING:
    from domain.invoice import Invoice


def is_redrafted(known: Invoice, draft: ProviderInvoice) -> bool:
    """Tell whether a draft that nothing is being done with amounts to something else by now."""
    view = known.view
    if draft.state != "draft" or view.status != status.DRAFT or view.settling:
        return False
    return (draft.total_minor, draft.tax_minor) != (view.total_minor, view.tax_minor)


def remember_draft(
    known: Invoice, draft: ProviderInvoice, *, source: str, by: str, at: datetime, body: str | None
) -> None:
    """Remember how a draft stands."""
    known.remember(
        e.InvoiceDrafted,
        at=at,
        by=by,
        provider_object_type="invoice",
        provider_object_id=draft.id,
        customer=draft.customer,
        currency=draft.currency,
        total_minor=draft.total_minor,
        tax_minor=draft.tax_minor,
        lines=issued_lines(draft, known.view),
        source=source,
        as_of=draft.as_of,
        facts=facts_of(draft),
        body=body,
    )
