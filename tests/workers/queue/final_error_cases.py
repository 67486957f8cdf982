"""Cases of jobs that fail for good: one subject in need of each job, at each provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from domain.billing import Billing
from domain.inbox.payment_hint import PaymentHint
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.invoice import Invoice
from domain.invoices.provider_update import is_running
from domain.payment_methods.setup import MethodSetup
from domain.subscriptions.subscription import Subscription
from tests.workers.mollie_harness import MollieBench
from tests.workers.stripe_harness import Bench
from workers.queue.job_type import JobType

T = TypeVar("T")
Args = dict[str, str]


@dataclass(frozen=True)
class Case(Generic[T]):
    """A job type and the creation of a subject that it works on; returns the job's arguments."""

    name: str
    job_type: JobType[Any]
    prepare: Callable[[T], Args] = field(repr=False)


def problem(args: Args, billing: Billing) -> str | None:
    """Describe what a job left without an outcome or blocked; None where nothing is."""
    blocked: dict[str, Callable[[UUID], bool]] = {
        "invoice_id": lambda one: is_running(billing.get(Invoice, one).view),
        "subscription_id": lambda one: (
            billing.get(Subscription, one).view.pending_request is not None
        ),
        "setup_id": lambda one: billing.get(MethodSetup, one).step is not None,
        "hint_id": lambda one: _waits(billing.get(PaymentHint, one)),
        "provider_event_id": lambda one: billing.get(ProviderEvent, one).due,
    }
    if "refund_id" in args:
        refunds = billing.get(Invoice, UUID(args["invoice_id"])).view.refunds
        (refund,) = [one for one in refunds if one.id == args["refund_id"]]
        if refund.note_due:
            return "the refund's credit note is due"
        return "the refund's amount is reserved" if refund.status == "requested" else None
    found = [name for name in blocked if name in args and blocked[name](UUID(args[name]))]
    return f"the object of {found[0]} has no outcome" if found else None


def waits_for_operator(args: Args, billing: Billing) -> bool:
    """Check whether a recorded event marks the row of a subscription's start as given up."""
    if "subscription_id" not in args:
        return False
    return billing.get(Subscription, UUID(args["subscription_id"])).view.gave_up is not None


def _waits(hint: PaymentHint) -> bool:
    return hint.waiting or hint.fetching


def invoice_args(invoice_id: object) -> Args:
    return {"invoice_id": str(invoice_id)}


def lookup_args(bench: Bench | MollieBench, kind: str, **args: str | None) -> Args:
    lookup_id, named = uuid4(), {"connection": bench.connection, **args}
    with psycopg.connect(bench.log.dsn) as session:
        session.execute(
            "INSERT INTO work.provider_lookups (id, app, kind, args, expires_at)"
            " VALUES (%s, %s, %s, %s, now() + interval '1 hour')",
            [lookup_id, bench.app_id, kind, Jsonb(named)],
        )
    return {"lookup_id": str(lookup_id)}


def request_change(billing: Billing, stream: UUID, kind: Any, **more: Any) -> Args:
    command = kind(
        subscription_id=stream, request_id=uuid4(), request_hash="hash", actor="key:test", **more
    )
    known = billing.get(Subscription, stream)
    billing.request_subscription_action(command, occurred_at=known.view.updated_at)
    return {"subscription_id": str(stream)}
