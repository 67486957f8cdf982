"""Fetch the object of a provider event, and record its state by the kind of object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar, cast
from uuid import UUID

import orjson

from domain.billing import Billing
from domain.core import ids
from domain.core.aggregate import AggregateRoot
from domain.core.effects import Effect
from domain.core.providers import Mode, Provider
from domain.gateway.errors import JobPostponed
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.port import InvoicingGateway
from domain.inbox.provider_event import DIFFERENCE_FOUND, ProviderEventReceived
from domain.invoices.invoice import Invoice
from domain.invoices.staleness import is_ambiguous
from domain.reconciliation.comparison import Comparison
from domain.reconciliation.unapplied import (
    BELONGS_TO_NONE,
    discovery_of,
)
from domain.subscriptions.subscription import Subscription
from domain.tenants.tenant import Tenant
from eventlog.bodies import Body
from workers.provider_objects.import_object import (
    ImportDeps,
    ProviderAccount,
    import_invoice,
    import_subscription,
)
from workers.provider_objects.ownership import (
    app_mismatch,
    invoice_mismatch,
    invoice_named_by,
    is_claimed_by,
)
from workers.providers.bounded_fields import read_as
from workers.providers.stripe.event_types import CUSTOMER_DELETED
from workers.providers.stripe.schemas import StripePaidFor
from workers.providers.stripe.subscription_objects import subscription_of_schedule

SCHEDULE: Final = "subscription_schedule"
MONEY_BACK: Final = ("charge", "refund", "credit_note", "dispute")
_WAIT_FOR_STEP_S: Final = 2.0
Effects = list[dict[str, str]]
AnyAggregate = TypeVar("AnyAggregate", bound=AggregateRoot)


class Bodies(Protocol):
    """Storage of payloads."""

    def body(self, sha256: bytes) -> bytes | None:
        """Return a body; None if it was erased."""


@dataclass(frozen=True, kw_only=True)
class FetchDeps:
    """Dependencies of the job."""

    billing: Billing
    bodies: Bodies
    gateway_of: Callable[[UUID, str], InvoicingGateway]
    now: Callable[[], datetime]


class ConcurrentChange(Exception):
    """Another state of the same second was recorded during the fetch."""

    def __init__(self, stream: UUID) -> None:
        super().__init__(stream)
        self.stream = stream


class Mismatch(Exception):
    """The fetched object does not match the one that the event names."""


def fetch_and_record(
    received: ProviderEventReceived, deps: FetchDeps, *, actor: str, version: int | None
) -> Effects:
    """Fetch and record. `version`: that of our invoice before. Raises ConcurrentChange."""
    if received.type == CUSTOMER_DELETED:
        return _record_customer_deleted(received, deps, actor=actor)
    gateway = deps.gateway_of(received.app_id, received.connection)
    account = _account(received, actor=actor)
    if received.object_type in ("subscription", SCHEDULE):
        return _record_subscription(received, gateway, account, deps)
    at_provider = _invoice_at_provider(received, deps, gateway)
    if at_provider is None:
        raise Mismatch(BELONGS_TO_NONE)
    before = _version(Invoice, account.id_of(at_provider), deps)
    answer = gateway.fetch_invoice(at_provider)
    named = invoice_named_by(answer)
    goes_back = received.object_type in MONEY_BACK
    invoice = None if named is None else deps.billing.find(Invoice, named)
    if named is None or _is_object_of_its_own(received, answer, invoice):
        _require_match(app_mismatch(received, answer))
        importing = ImportDeps(billing=deps.billing, gateway=gateway, now=deps.now)
        contested = partial(_raise_if_changed, before, lambda one: is_ambiguous(one.view, answer))
        known = import_invoice(answer, account, importing, with_refunds=goes_back, check=contested)
        return [{"invoice": str(known.id), "effect": str(Effect.CHANGED)}]
    _require_match(invoice_mismatch(received, answer, invoice))
    back = gateway.fetch_refunds_and_disputes(answer.id) if goes_back else RefundsAndDisputes()
    effect = _record(cast("Invoice", invoice), answer, back, received, deps, version=version)
    return [{"invoice": str(named), "effect": str(effect)}]


def _record_subscription(
    received: ProviderEventReceived,
    gateway: InvoicingGateway,
    account: ProviderAccount,
    deps: FetchDeps,
) -> Effects:
    """Fetch and record a subscription: the event's object, or the one of its schedule."""
    subscription_id: str | None = received.object_id
    if received.object_type == SCHEDULE:
        subscription_id = subscription_of_schedule(object_of(received, deps.bodies))
    if subscription_id is None:
        return []  # a schedule that has not begun has no subscription yet
    before = _version(Subscription, account.id_of(subscription_id), deps)
    seen = gateway.fetch_subscription(subscription_id)
    if received.type != DIFFERENCE_FOUND:
        seen = replace(seen, changed_at=received.occurred_at)
    _require_match(app_mismatch(received, seen))
    check = partial(_raise_if_changed, before, lambda known: known.is_ambiguous(seen))
    importing = ImportDeps(billing=deps.billing, gateway=gateway, now=deps.now)
    taken = import_subscription(seen, account, importing, check=check)
    return [{"subscription": str(taken.id), "effect": str(Effect.CHANGED)}]


def _record_customer_deleted(
    received: ProviderEventReceived, deps: FetchDeps, *, actor: str
) -> Effects:
    """Record on the tenant that its customer was deleted; one of no tenant is left alone."""
    app_id, connection, customer_id = received.app_id, received.connection, received.object_id
    owner = deps.billing.tenant_of_customer(app_id, connection, customer_id)
    if owner is not None:
        occurred_at = deps.now()
        deps.billing.change(
            Tenant,
            ids.for_tenant(app_id, owner),
            lambda known: known.mark_customer_deleted(
                connection, customer_id, actor=actor, at=occurred_at
            ),
        )
    return []


def _is_object_of_its_own(
    received: ProviderEventReceived, answer: ProviderInvoice, invoice: Invoice | None
) -> bool:
    """Return whether an object has the copied metadata of an invoice of the same connection."""
    if invoice is None or invoice.view.connection_id != received.connection_id:
        return False
    return not is_claimed_by(answer, invoice)


def _version(kind: type[AggregateRoot], stream: UUID, deps: FetchDeps) -> int:
    known = deps.billing.find(kind, stream)
    return 0 if known is None else known.version


def _raise_if_changed(
    version: int, contested: Callable[[AnyAggregate], bool], known: AnyAggregate
) -> None:
    """Raise ConcurrentChange if an ambiguous state was recorded during the fetch."""
    if known.version != version and contested(known):
        raise ConcurrentChange(UUID(str(known.id)))


def _require_match(mismatch: str | None) -> None:
    if mismatch is not None:
        raise Mismatch(mismatch)


def _account(received: ProviderEventReceived, *, actor: str) -> ProviderAccount:
    return ProviderAccount(
        app_id=received.app_id,
        provider=cast("Provider", received.provider),
        connection=received.connection,
        connection_id=received.connection_id,
        mode=cast("Mode", received.mode),
        actor=actor,
        discovery=discovery_of(received),
    )


def _invoice_at_provider(
    received: ProviderEventReceived, deps: FetchDeps, gateway: InvoicingGateway
) -> str | None:
    """Return the invoice's id: the event's object, its `invoice` field, or its payment's."""
    if received.object_type == "invoice":
        return received.object_id
    about = read_as(StripePaidFor, object_of(received, deps.bodies), kind=received.object_type)
    if about.invoice is not None:
        return about.invoice
    intent = received.object_type == "payment_intent"
    payment = received.object_id if intent else about.payment_intent
    return None if payment is None else gateway.find_invoice_of(payment)


def object_of(received: ProviderEventReceived, bodies: Bodies) -> Mapping[str, Any]:
    """Return the object in an event's payload; empty if the payload was erased."""
    stored = bodies.body(bytes.fromhex(received.body))
    found: Mapping[str, Any] = {} if stored is None else orjson.loads(stored)["data"]["object"]
    return found


def _record(
    invoice: Invoice,
    answer: ProviderInvoice,
    back: RefundsAndDisputes,
    received: ProviderEventReceived,
    deps: FetchDeps,
    *,
    version: int | None,
) -> Effect:
    """Record the invoice's state, refunds and disputes in one append."""
    actor, occurred_at = f"webhook:{received.provider_event_id}", deps.now()
    body = Body.of(answer.raw, invoice.view.body_owner)
    effects: list[Effect] = []

    def decide(known: Invoice) -> None:
        if known.version != version and is_ambiguous(known.view, answer):
            raise ConcurrentChange(UUID(str(known.id)))
        state = known.record_provider_state(
            answer,
            source="answer",
            actor=actor,
            occurred_at=occurred_at,
            body=body.sha256.hex(),
            provider_type=received.type,
        )
        returned = known.record_refunds_and_disputes(
            back, source="webhook", actor=actor, occurred_at=occurred_at
        )
        effects[:] = [state, returned]  # decided anew after a concurrent write

    comparison = Comparison(discovery_of(received), occurred_at=occurred_at)
    deps.billing.change(
        Invoice,
        UUID(str(invoice.id)),
        comparison.changed(decide),
        bodies=[body],
        also_save=comparison.drifts,
    )
    return _effect_of(*effects)


def _effect_of(state: Effect, returned: Effect) -> Effect:
    """Return the effect of a state and of its refunds; wait for a step that is running."""
    if state is Effect.DEFERRED:
        # The step's own answer may be older than this state: fetch again once the step has ended.
        raise JobPostponed("a step of the invoice is running", retry_after_s=_WAIT_FOR_STEP_S)
    return Effect.CHANGED if Effect.CHANGED in (state, returned) else state
