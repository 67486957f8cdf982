"""Record the differences that an update healed, in the same append as the update."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar, cast
from uuid import UUID

from domain.core import ids
from domain.core.aggregate import AggregateRoot
from domain.invoices.invoice import Invoice
from domain.invoices.provider_update import is_running
from domain.payment_methods.setup import MethodSetup
from domain.reconciliation.compare import Difference, Subject, differences, fields_of, missing
from domain.reconciliation.drift import Discovery, Drift, DriftedObject
from domain.subscriptions.subscription import Subscription

ACTOR = "reconciliation"
AnyAggregate = TypeVar("AnyAggregate", bound=AggregateRoot)


class Comparison:
    """Compares an aggregate before and after an update that reconciliation found.

    Without a discovery nothing is compared. An update that is decided anew after a concurrent
    write is compared anew, so that each difference is recorded once.
    """

    def __init__(self, discovery: Discovery | None, *, occurred_at: datetime) -> None:
        self._discovery = discovery
        self._occurred_at = occurred_at
        self._drifts: list[Drift] = []

    def changed(self, decide: Callable[[AnyAggregate], object]) -> Callable[[AnyAggregate], object]:
        """Return a decision that records the differences which `decide` makes up for."""
        discovery = self._discovery
        if discovery is None:
            return decide

        def compared(known: AnyAggregate) -> object:
            self._drifts = []
            subject, version = cast("Subject", known), known.version
            before = None if _awaits_answer(subject) else fields_of(subject)
            result = decide(known)
            if before is not None and known.version > version:
                found = differences(before, subject, since=discovery.since)
                self._drifts = self._healed(subject, found, version=version)
            return result

        return compared

    def created(self, make: Callable[[], AnyAggregate]) -> Callable[[], AnyAggregate]:
        """Return a function that records the created object as missing."""
        discovery = self._discovery
        if discovery is None:
            return make

        def compared() -> AnyAggregate:
            made = make()
            subject = cast("Subject", made)
            found = [missing(subject, since=discovery.since)]
            self._drifts = self._healed(subject, found, version=0)
            return made

        return compared

    def drifts(self) -> list[Drift]:
        """Return the differences to save in the append of the update."""
        return self._drifts

    def _healed(self, subject: Subject, found: list[Difference], *, version: int) -> list[Drift]:
        assert self._discovery is not None, "callers have one"  # noqa: S101 - STYLE: assert what must hold
        subject_id, healed = UUID(str(subject.id)), []
        for difference in found:
            drift = Drift.detect(
                ids.for_drift(subject_id, version, difference.field),
                difference,
                drifted_object(subject),
                found_by=self._discovery.found_by,
                actor=ACTOR,
                occurred_at=self._occurred_at,
            )
            drift.resolve(actor=ACTOR, occurred_at=self._occurred_at)
            healed.append(drift)
        return healed


def drifted_object(subject: Subject) -> DriftedObject:
    """Describe the provider's object of an aggregate."""
    match subject:
        case Invoice():
            kind = subject.view.provider_object_type or "invoice"
            provider_id = subject.view.provider_object_id
        case Subscription():
            kind, provider_id = "subscription", subject.view.provider_subscription_id
        case MethodSetup():
            kind, provider_id = "payment_method_setup", subject.view.session_id
    return DriftedObject(
        app_id=subject.view.app_id,
        connection=subject.view.connection,
        connection_id=subject.view.connection_id,
        provider=subject.view.provider,
        mode=subject.view.mode,
        object_type=kind,
        object_id=provider_id or "",
        subject_id=UUID(str(subject.id)),
    )


def _awaits_answer(subject: Subject) -> bool:
    """Return whether our own step is running: its answer would have said the same."""
    match subject:
        case Invoice():
            return is_running(subject.view)
        case Subscription():
            return subject.view.pending_request is not None and subject.view.gave_up is None
        case MethodSetup():
            return subject.step is not None and subject.view.gave_up is None
