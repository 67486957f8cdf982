"""Test that a customer's objects are assigned to its tenant once both are linked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.billing import Billing
from domain.core import ids
from domain.core.aggregate import DomainEvent
from domain.invoices.invoice import Invoice
from domain.subscriptions.subscription import Subscription
from domain.tenants.commands import SetTenant
from domain.tenants.tenant import Tenant
from eventlog.codec import Codec
from projections.generations.runner import Projections
from projections.tenants.unassigned import UnassignedQueries
from projections.work.table import OpenJob
from tests.support.sandbox import wait_for
from tests.workers.stripe_harness import Bench
from workers.provider_objects.assign_to_tenant import (
    AssignDeps,
    ReadModelBehind,
    assign_to_tenant,
)
from workers.provider_objects.import_object import (
    ImportDeps,
    ProviderAccount,
    import_invoice,
    import_subscription,
)
from workers.queue.reactions import changes_for


@contextmanager
def deps_of(bench: Bench) -> Iterator[AssignDeps]:
    """The job's desk on the bench's log."""
    unassigned = UnassignedQueries(bench.log.dsn)
    unassigned.open()
    yield AssignDeps(
        billing=bench.billing,
        newest_position=lambda stream: bench.log.stream(stream)[-1].position,
        unassigned=unassigned,
        now=bench.clock,
        heartbeat=lambda: None,
    )
    unassigned.close()


def project(bench: Bench) -> None:
    """Run the projections up to the log's head."""
    head = bench.log.head()

    async def follow() -> None:
        stop = asyncio.Event()
        running = asyncio.ensure_future(Projections(bench.log.dsn).run(stop))
        await asyncio.to_thread(wait_for, reached)
        stop.set()
        await running

    deps = UnassignedQueries(bench.log.dsn)
    deps.open()

    def reached() -> bool:
        return deps.reached(head)

    asyncio.run(follow())
    deps.close()


def account_of(bench: Bench) -> ProviderAccount:
    return ProviderAccount(
        app_id=bench.app_id,
        provider="stripe",
        connection=bench.connection,
        connection_id=bench.connection_id,
        mode="test",
        actor="webhook:evt_1",
    )


def apply_event(
    bench: Bench, customer: str, *, billing: Billing | None = None
) -> tuple[UUID, UUID]:
    """Import an invoice and a subscription that somebody made in the dashboard."""
    made = bench.account.admin.make_invoice(customer, amount=700)["id"]
    started = bench.account.admin.make_subscription(
        customer, bench.account.add_price(900, recurring={"interval": "month"})
    )["id"]
    deps = ImportDeps(billing=billing or bench.billing, gateway=bench.gateway, now=bench.clock)
    account = account_of(bench)
    invoice = import_invoice(bench.gateway.fetch_invoice(made), account, deps, with_refunds=False)
    subscription = import_subscription(bench.gateway.fetch_subscription(started), account, deps)
    return UUID(str(invoice.id)), UUID(str(subscription.id))


def claim(bench: Bench, customer: str) -> UUID:
    tenant_id = uuid4()
    bench.billing.set_tenant(
        SetTenant(
            app_id=bench.app_id,
            tenant_id=tenant_id,
            contact_body=None,
            customers={bench.connection: customer},
            actor="key:test",
        ),
        occurred_at=bench.clock(),
    )
    return tenant_id


def tenants(bench: Bench, *things: UUID) -> list[UUID | None]:
    found: list[UUID | None] = []
    for thing in things:
        known: Any = bench.billing.find(Invoice, thing) or bench.billing.find(Subscription, thing)
        found.append(known.view.tenant_id)
    return found


def stream_of(bench: Bench, tenant_id: UUID) -> UUID:
    return ids.for_tenant(bench.app_id, tenant_id)


def test_objects_imported_before_are_assigned_to_the_tenant_once(bench: Bench) -> None:
    customer, other = bench.account.add_customer(), bench.account.add_customer()
    things, others = apply_event(bench, customer), apply_event(bench, other)
    tenant_id = claim(bench, customer)
    project(bench)
    with deps_of(bench) as deps:
        assert assign_to_tenant(stream_of(bench, tenant_id), deps) == 2
        before = bench.log.head()
        assign_to_tenant(stream_of(bench, tenant_id), deps)
    assert tenants(bench, *things) == [tenant_id, tenant_id]
    assert tenants(bench, *others) == [None, None]
    assert bench.log.head() == before


def test_the_job_waits_for_the_read_model_and_uses_up_no_try(bench: Bench) -> None:
    things = apply_event(bench, customer := bench.account.add_customer())
    tenant_id = claim(bench, customer)
    with deps_of(bench) as deps:
        with pytest.raises(ReadModelBehind):
            assign_to_tenant(stream_of(bench, tenant_id), deps)
        project(bench)
        assign_to_tenant(stream_of(bench, tenant_id), deps)
    assert tenants(bench, *things) == [tenant_id, tenant_id]


def test_objects_imported_afterwards_have_their_tenant_at_once(bench: Bench) -> None:
    tenant_id = claim(bench, customer := bench.account.add_customer())
    assert tenants(bench, *apply_event(bench, customer)) == [tenant_id, tenant_id]


def test_a_tenant_linked_during_an_import_gets_the_object(
    bench: Bench,
) -> None:
    customer = bench.account.add_customer()
    claimed: list[UUID] = []

    class Overtaken(Billing):
        """Its first look finds nobody; then the customer becomes a tenant's."""

        def tenant_of_customer(
            self, app_id: UUID, connection: str, customer_id: str
        ) -> UUID | None:
            found = bench.billing.tenant_of_customer(app_id, connection, customer_id)
            if not claimed:
                claimed.append(claim(bench, customer))
            return found

    overtaken = Overtaken(
        env={"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": "bench"}
    )
    things = apply_event(bench, customer, billing=overtaken)
    assert tenants(bench, *things) == [claimed[0], claimed[0]]


def test_a_customer_that_is_anothers_by_now_is_left_to_that_ones_job(bench: Bench) -> None:
    things = apply_event(bench, customer := bench.account.add_customer())
    first = claim(bench, customer)
    moved = SetTenant(
        app_id=bench.app_id,
        tenant_id=first,
        contact_body=None,
        customers={bench.connection: bench.account.add_customer()},
        actor="key:test",
    )
    bench.billing.set_tenant(moved, occurred_at=bench.clock())
    second = claim(bench, customer)
    project(bench)
    with deps_of(bench) as deps:
        assert assign_to_tenant(stream_of(bench, first), deps) == 0
        assert assign_to_tenant(stream_of(bench, second), deps) == 2
    assert tenants(bench, *things) == [second, second]


def link(bench: Bench, tenant_id: UUID) -> None:
    tenant = bench.billing.get(Tenant, stream_of(bench, tenant_id))
    bench.billing.link_customer(tenant, bench.connection, "cus_1", occurred_at=bench.clock())


@pytest.mark.parametrize(
    ("linked", "then", "rows"),
    [(True, None, 1), (False, None, 0), (False, link, 1)],
    ids=["with_a_customer", "without_any", "linked_later"],
)
def test_only_a_tenant_with_a_customer_opens_an_assign_job(
    bench: Bench, *, linked: bool, then: Callable[[Bench, UUID], None] | None, rows: int
) -> None:
    tenant_id = bench.add_tenant(linked=linked)
    if then is not None:
        then(bench, tenant_id)
    stream, codec = stream_of(bench, tenant_id), Codec()
    events = [codec.decode(entry) for entry in bench.log.stream(stream)]
    requested = [
        change
        for event in events
        if isinstance(event, DomainEvent)
        for change in changes_for(event)
    ]
    assert len(requested) == rows
    for row in requested:
        assert isinstance(row, OpenJob)
        assert (row.key, row.app, row.queue) == (
            f"assign_to_tenant:{stream}",
            bench.app_id,
            "events",
        )
        assert row.args == {"tenant_stream": str(stream)}
