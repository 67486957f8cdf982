"""The nets of one connection over the benches of the workers' tests, and what heals by them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from uuid import UUID, uuid4

from domain.apps.commands import CreateApp, SetConnection
from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core import ids
from domain.core.providers import Provider
from domain.events import INVOICE_TOPICS
from domain.inbox.commands import FoundBy
from domain.inbox.payment_hint import PaymentHint, PaymentHintReceived, PaymentHintRepeated
from domain.inbox.provider_event import ProviderEvent, ProviderEventReceived
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from domain.reconciliation.drift import DriftDetected
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from projections.work.checkpoints import Checkpoints
from tests.workers.mollie_harness import MollieBench
from tests.workers.stripe_harness import Bench, Clock
from workers.provider_objects.import_object import ProviderAccount
from workers.providers.mollie.history import MollieHistory
from workers.providers.retry import RetryingCaller, Span
from workers.providers.stripe.audit_lists import StripeAuditLists
from workers.providers.stripe.event_list import StripeEventList
from workers.reconciliation.compare import Compare
from workers.reconciliation.event_catch_up import EventCatchUp
from workers.reconciliation.inbox import Finding, ReconciliationInbox
from workers.reconciliation.known_objects import KnownObjects
from workers.reconciliation.mollie_audit import MollieAudit
from workers.reconciliation.mollie_catch_up import MollieCatchUp
from workers.reconciliation.stripe_audit import StripeAudit
from workers.webhooks.mollie_jobs import apply_payment_event

DAY_S = 86400


class AnyBench(Protocol):
    """The parts that both benches have."""

    log: Log
    billing: Billing
    clock: Clock
    app_id: UUID
    connection_id: UUID
    connection: str


class LoggedObjects:
    """Finds invoices by their provider's object in the log, as the read model does in its rows."""

    def __init__(self, bench: AnyBench) -> None:
        self._bench = bench

    def find(self, app_id: UUID, connection: str, object_ids: Collection[str]) -> dict[str, UUID]:
        return self._find(app_id, connection, object_ids, lambda view: [view.provider_object_id])

    def find_earlier(
        self, app_id: UUID, connection: str, object_ids: Collection[str]
    ) -> dict[str, UUID]:
        return self._find(app_id, connection, object_ids, lambda view: view.objects)

    def _find(
        self,
        app_id: UUID,
        connection: str,
        object_ids: Collection[str],
        objects_of: Callable[[InvoiceView], Sequence[str | None]],
    ) -> dict[str, UUID]:
        streams = {
            entry.originator_id for entry in self._bench.log.read(0, 100_000, INVOICE_TOPICS)
        }
        found = (self._bench.billing.find(Invoice, UUID(str(stream))) for stream in streams)
        views = [one.view for one in found if one is not None]
        known = {name: view for view in views for name in objects_of(view)}
        return {
            name: known[name].id
            for name in object_ids
            if name in known
            and (known[name].app_id, known[name].connection) == (app_id, connection)
        }


@dataclass
class Nets:
    """The nets of a bench's connection; each call makes them anew, as a new process does."""

    bench: Any
    connection: Connection
    checkpoints: Checkpoints
    findings: list[Finding] = field(default_factory=list)

    def inbox(self, found_by: FoundBy, *, dry_run: bool = False) -> ReconciliationInbox:
        return ReconciliationInbox(
            connection=self.connection,
            billing=self.bench.billing,
            streams=self.bench.log,
            found_by=found_by,
            now=self.bench.clock,
            report=self.findings.append,
            dry_run=dry_run,
        )

    def compare(self) -> Compare:
        account = ProviderAccount(
            app_id=self.bench.app_id,
            provider=cast("Provider", self.connection.provider),
            connection=self.connection.name,
            connection_id=self.connection.connection_id,
            mode="test",
            actor="reconciliation",
        )
        objects: Any = LoggedObjects(self.bench)
        return Compare(
            KnownObjects(account, self.bench.log, objects),
            now=self.bench.clock,
            import_payments=self.connection.import_payments,
        )

    def now_s(self) -> int:
        return int(self.bench.account.admin.clock()["now"])

    def catch_up(self, **changes: Any) -> EventCatchUp:
        account = self.bench.account
        facts: dict[str, Any] = {
            "events": StripeEventList(account.key, api_base=account.url, mode="test"),
            "inbox": self.inbox("event_catch_up"),
            "checkpoints": self.checkpoints,
            "since_s": int(self.connection.created_on.timestamp()),
        }
        return EventCatchUp(**facts | changes)

    def audit(self, *, dry_run: bool = False, **changes: Any) -> StripeAudit | MollieAudit:
        account = self.bench.account
        facts: dict[str, Any] = {
            "name": f"audit:{self.connection.connection_id}",
            "inbox": self.inbox("audit", dry_run=dry_run),
            "checkpoints": self.checkpoints,
            "compare": self.compare(),
        }
        if self.connection.provider == "mollie":
            mollie_lists = MollieHistory(account.key, api_base=account.url, mode="test")
            return MollieAudit(**facts | {"lists": mollie_lists} | changes)
        lists = StripeAuditLists(
            account.key,
            api_base=account.url,
            mode="test",
            call_with_retries=RetryingCaller(tries=1, longest_wait_s=0),
        )
        return StripeAudit(**facts | {"lists": lists, "gateway": self.bench.gateway} | changes)

    def mollie_catch_up(self) -> MollieCatchUp:
        name = f"catch_up_lists:{self.connection.connection_id}"
        audit = self.audit(name=name, inbox=self.inbox("event_catch_up"))
        return MollieCatchUp(
            audit=cast("MollieAudit", audit),
            checkpoints=self.checkpoints,
            since_s=int(self.connection.created_on.timestamp()),
        )

    def period(self, *, days: int = 1) -> Span:
        """Return the days before now, up to now."""
        now_s = self.now_s()
        return Span(start=now_s - days * DAY_S, end=now_s + 1)

    def heal(self) -> None:
        """Apply what waits in the inbox, as the follower and the jobs do."""
        received = self._received()
        due = [entry for entry in received if self._entry(entry.originator_id).due]
        if isinstance(self.bench, Bench):
            self.bench.apply(*due)
            for entry in received:
                if not self._is_done(entry.originator_id):
                    self.bench.fetch(entry)
        else:
            for entry in due:
                apply_payment_event(UUID(str(entry.originator_id)), self.bench.payment_deps())
            self._apply_hints(self.bench)

    def _apply_hints(self, bench: MollieBench) -> None:
        topics = [PaymentHintReceived.TOPIC, PaymentHintRepeated.TOPIC]
        for hint_id in {one.originator_id for one in bench.log.read(0, 100_000, topics)}:
            if bench.billing.get(PaymentHint, UUID(str(hint_id))).waiting:
                bench.apply_payment_hint(UUID(str(hint_id)))

    def _entry(self, entry_id: object) -> ProviderEvent:
        found: ProviderEvent = self.bench.billing.get(ProviderEvent, UUID(str(entry_id)))
        return found

    def _is_done(self, entry_id: object) -> bool:
        entry = self._entry(entry_id)
        return entry.applied or not self._waits(entry_id)

    def _waits(self, entry_id: object) -> bool:
        last = self.bench.log.stream(UUID(str(entry_id)), newest_first=True, limit=1)[0]
        return last.topic != "provider_event.parked" or b'"retry":true' in last.state

    def entries(self) -> list[ProviderEvent]:
        """Return the inbox's entries, the oldest first."""
        return [self._entry(entry.originator_id) for entry in self._received()]

    def _received(self) -> list[RecordedEvent]:
        """Return the deliveries of this connection: benches may share a log."""
        found = self.bench.log.read(0, 100_000, [ProviderEventReceived.TOPIC])
        mine = self.bench.connection_id
        return [
            entry
            for entry in found
            if self._entry(entry.originator_id).received.connection_id == mine
        ]

    def drifts(self) -> list[tuple[Any, ...]]:
        """Return the differences that were listed."""
        found = self.bench.log.read(0, 1_000_000, [DriftDetected.TOPIC])
        decoded = [cast("DriftDetected", Codec().decode(one)) for one in found]
        return [(one.subject_id, one.field, one.ours, one.theirs) for one in decoded]


@contextmanager
def open_nets(bench: Bench | MollieBench) -> Iterator[Nets]:
    """Connect the bench, and open its checkpoints."""
    checkpoints = Checkpoints(bench.log.dsn)
    checkpoints.open()
    provider: Provider = "mollie" if isinstance(bench, MollieBench) else "stripe"
    if provider == "stripe":
        create = CreateApp(app_id=bench.app_id, name="Tea", slug=uuid4().hex, actor="t")
        bench.billing.create_app(create, occurred_at=bench.clock())
        command = SetConnection(
            app_id=bench.app_id,
            name=bench.connection,
            provider=provider,
            mode="test",
            sealed_key="sealed",
            sealed_webhook_secrets=[],
            actor="t",
        )
        bench.billing.set_connection(
            command, new_connection_id=bench.connection_id, occurred_at=bench.clock()
        )
    connection = bench.billing.get(Connection, ids.for_connection(bench.app_id, bench.connection))
    try:
        yield Nets(bench, connection, checkpoints)
    finally:
        checkpoints.close()
