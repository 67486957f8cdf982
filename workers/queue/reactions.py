"""Reactions: which event opens, closes or stops which row of the work table.

`REACTIONS` joins the tables of all capabilities. The relay follows the topics in it and calls one
function per event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from eventsourcing.persistence import StoredEvent

from domain.core.aggregate import DomainEvent
from domain.inbox import payment_hint as h
from domain.inbox.provider_event import (
    ProviderEvent,
    ProviderEventApplied,
    ProviderEventParked,
)
from domain.tenants.events import (
    ProviderCustomerLinked,
    TenantChanged,
    TenantCreated,
    TenantEvent,
)
from projections.work.table import CloseJob, JobChange
from workers.queue import jobs
from workers.queue.invoice_reactions import CLOSING, INVOICE_REACTIONS
from workers.queue.setup_reactions import SETUP_REACTIONS
from workers.queue.subscription_reactions import SUBSCRIPTION_REACTIONS

# Provider events, payment hints, tenants.


def _fetch_and_apply(event: ProviderEventParked) -> list[JobChange]:
    if not event.retry:
        return _close_provider_event(event)
    args = {"provider_event_id": str(event.originator_id)}
    key = f"provider_event:{event.originator_id}"
    return [
        jobs.FETCH_AND_APPLY.open(key=key, app_id=event.app_id, args=args, found_by=event.found_by)
    ]


def _close_provider_event(event: ProviderEventParked | ProviderEventApplied) -> list[JobChange]:
    return [CloseJob(f"provider_event:{event.originator_id}")]


def _apply_hint(event: h.PaymentHintReceived | h.PaymentHintRepeated) -> list[JobChange]:
    return [
        jobs.APPLY_PAYMENT_HINT.open(
            key=f"payment_hint:{event.originator_id}",
            app_id=event.app_id,
            args={"hint_id": str(event.originator_id)},
            connection=event.connection if isinstance(event, h.PaymentHintReceived) else None,
            found_by=event.found_by,
        )
    ]


def _close_hint(event: h.PaymentHintFetched) -> list[JobChange]:
    return [CloseJob(f"payment_hint:{event.originator_id}")]


def _assign_to_tenant(
    event: TenantCreated | TenantChanged | ProviderCustomerLinked,
) -> list[JobChange]:
    if not isinstance(event, ProviderCustomerLinked) and not event.customers:
        return []
    key, args = f"assign_to_tenant:{event.originator_id}", _tenant_args(event)
    return [jobs.ASSIGN_TO_TENANT.open(key=key, app_id=event.app_id, args=args)]


def _tenant_args(event: TenantEvent) -> dict[str, str]:
    return {"tenant_stream": str(event.originator_id)}


def _change_tenant(event: TenantChanged | ProviderCustomerLinked) -> list[JobChange]:
    """Assign objects of new customers; update customers that have earlier contact data."""
    changes = _assign_to_tenant(event)
    is_changed = isinstance(event, TenantChanged) and bool(event.customers)
    if is_changed or (isinstance(event, ProviderCustomerLinked) and event.is_outdated):
        key, args = f"update_customers:{event.originator_id}", _tenant_args(event)
        changes.append(jobs.UPDATE_CUSTOMERS.open(key=key, app_id=event.app_id, args=args))
    return changes


_CLOSING: Final = (ProviderEventApplied, h.PaymentHintFetched)
REACTIONS: Final[dict[type[DomainEvent], Callable[[Any], list[JobChange]]]] = {
    **INVOICE_REACTIONS,
    **SUBSCRIPTION_REACTIONS,
    **SETUP_REACTIONS,
    ProviderEventParked: _fetch_and_apply,
    ProviderEventApplied: _close_provider_event,
    h.PaymentHintReceived: _apply_hint,
    h.PaymentHintRepeated: _apply_hint,
    h.PaymentHintFetched: _close_hint,
    TenantCreated: _assign_to_tenant,
    TenantChanged: _change_tenant,
    ProviderCustomerLinked: _change_tenant,
}
TOPICS: Final = tuple(event_class.TOPIC for event_class in REACTIONS)
# They close rows only, which their job deletes itself as a rule.
DEFERRED: Final = tuple(event_class.TOPIC for event_class in (*CLOSING, *_CLOSING))


def is_without_row(recorded: StoredEvent) -> bool:
    """Return whether an event shows that its provider event was applied without ever being parked.

    Most are: there is no row to close.
    """
    is_second = recorded.originator_version == ProviderEvent.INITIAL_VERSION + 1
    return is_second and recorded.topic == ProviderEventApplied.TOPIC


def changes_for(event: DomainEvent) -> list[JobChange]:
    """Return the rows of the work table that an event opens, closes, stops or sends again."""
    reaction = REACTIONS.get(type(event))
    return [] if reaction is None else reaction(event)
