"""The part of the fold about an invoice's first event; pure, as `fold` is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from domain.core.calendar import from_unix
from domain.invoices import events as e
from domain.invoices import status
from domain.invoices.view import InvoiceRequest, InvoiceView, Line, RequestedLine


def first_view(event: e.InvoiceEvent) -> InvoiceView:
    """Return the invoice that its first event tells of: requested here, or made at the provider."""
    match event:
        case e.InvoiceRequested():
            return _requested_view(event)
        case e.InvoiceImported():
            return InvoiceView(
                id=event.originator_id,
                app_id=event.app_id,
                tenant_id=event.tenant_id,
                provider=event.provider,
                connection=event.connection,
                connection_id=event.connection_id,
                mode=event.mode,
                type=event.type,
                origin=event.origin,
                created_at=from_unix(event.created_at) or event.timestamp,
                updated_at=event.timestamp,
                description=event.description,
                footer=event.footer,
                metadata=dict(event.metadata or {}),
                status=status.DRAFT,
                currency=event.currency,
                customer=event.customer,
                subscription_id=event.subscription_id,
                revision_of=event.revision_of,
                provider_object_type=event.provider_object_type,
                provider_object_id=event.provider_object_id,
                in_progress=False,
            )
    raise AssertionError(f"a stream cannot begin with {type(event).__name__}")


def _requested_view(event: e.InvoiceRequested) -> InvoiceView:
    return InvoiceView(
        id=event.originator_id,
        app_id=event.app_id,
        tenant_id=event.tenant_id,
        provider=event.provider,
        connection=event.connection,
        connection_id=event.connection_id,
        mode=event.mode,
        type=event.type,
        origin="request",
        created_at=event.timestamp,
        updated_at=event.timestamp,
        user_id=event.user_id,
        customer=event.customer,
        dialect=event.dialect,
        description=event.description,
        footer=event.footer,
        metadata=dict(event.metadata),
        lines=copy_lines(event.lines),
        request=InvoiceRequest(
            lines=[_requested_line(line) for line in event.lines],
            tax_rate_id=event.tax_rate_id,
            payment_method=event.payment_method,
            redirect_url=event.redirect_url,
            expected_total_minor=event.expected_total_minor,
            off_session=event.off_session,
            flow=event.flow,
            charge_immediately=event.charge_immediately,
        ),
        request_hash=event.request_hash,
    )


def copy_lines(stored: Iterable[Mapping[str, Any]]) -> list[Line]:
    """Copy the lines of an event."""
    return [cast("Line", dict(line)) for line in stored]


def _requested_line(line: Mapping[str, Any]) -> RequestedLine:
    return RequestedLine(
        name=line.get("name"),
        quantity=line.get("quantity", 1),
        price=line.get("price"),
        amount_minor=line.get("amount_minor"),
        currency=line.get("currency"),
    )
