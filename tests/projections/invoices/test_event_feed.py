import asyncio
from uuid import UUID

from domain.tenants.commands import SetTenant
from domain.tenants.tenant import Tenant
from projections.invoices.event_feed import ChangeQueries
from tests.projections.harness import (
    APP,
    append,
    applied,
    confirm,
    issue,
    paid_invoices,
    projecting,
    requested,
)
from tests.projections.random_events import AT
from tests.projections.subscriptions.random_events import started

OTHER_APP, TENANT = UUID(int=2), UUID(int=3)


def tenant(app_id: UUID = APP) -> Tenant:
    command = SetTenant(
        app_id=app_id,
        tenant_id=TENANT,
        contact_body="ab" * 32,
        customers={"main": "cus_1"},
        actor="key:1",
    )
    return Tenant.create(command, occurred_at=AT)


def test_a_reader_that_keeps_its_position_reads_each_change_once_in_order(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            changes = ChangeQueries(books.pool)
            stop = asyncio.Event()
            last = {APP: 0, OTHER_APP: 0}

            async def write(app_id: UUID) -> None:
                for _ in range(15):
                    last[app_id] = await append(books.log, *paid_invoices(3, app_id=app_id))
                stop.set()

            async def read(limit: int) -> list[int]:
                position, seen = 0, list[int]()
                while not stop.is_set() or position < last[APP]:
                    found = await changes.after(APP, position, limit=limit)
                    assert found.position >= position
                    seen += [change.position for change in found.changes]
                    position = found.position
                    await changes.wait_for_some(APP, position, timeout_s=0.05)
                return seen

            _, _, *read_by = await asyncio.gather(
                write(APP), write(OTHER_APP), read(1), read(7), read(1000)
            )
            # Requested, issued, paid; what was confirmed by a webhook stands on its own entry.
            assert [len(seen) for seen in read_by] == [15 * 3 * 3] * 3
            assert read_by[0] == sorted(set(read_by[0])) == read_by[1] == read_by[2]

    asyncio.run(scenario())


def test_changes_name_their_app_and_no_secret(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = requested()
            subscription = started()
            await books.append_and_project(
                tenant(), tenant(OTHER_APP), invoice, requested(OTHER_APP)
            )
            await books.append_and_project(subscription, started(OTHER_APP))
            effects = [
                {"invoice": str(invoice.id), "effect": "stale"},
                {"subscription": str(subscription.id), "effect": "stale"},
            ]
            await books.append_and_project(applied(effects))
            found = await ChangeQueries(books.pool).after(APP, 0, limit=100)
            applied_to = [
                ("provider_event.applied", invoice.id, "invoice"),
                ("provider_event.applied", subscription.id, "subscription"),
            ]
            assert [(c.type, c.subject_id, c.kind) for c in found.changes] == [
                ("tenant.created", TENANT, "tenant"),
                ("invoice.requested", invoice.id, "invoice"),
                ("subscription.started", subscription.id, "subscription"),
                ("subscription.activated", subscription.id, "subscription"),
                *sorted(applied_to, key=lambda entry: entry[1]),
            ]
            assert found.changes[0].data == {
                "tenantId": str(TENANT),
                "customers": {"main": "cus_1"},
            }

    asyncio.run(scenario())


def test_what_one_event_changed_is_never_divided(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoices = [requested() for _ in range(3)]
            start = await books.append_and_project(*invoices)
            effects = [{"invoice": str(one.id), "effect": "stale"} for one in invoices]
            await books.append_and_project(applied(effects))
            found = await ChangeQueries(books.pool).after(APP, start, limit=2)
            assert {change.subject_id for change in found.changes} == {i.id for i in invoices}

    asyncio.run(scenario())


def test_a_position_goes_past_what_others_do_and_never_back(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            changes = ChangeQueries(books.pool)
            position = await books.append_and_project(requested(OTHER_APP))
            assert (await changes.after(APP, 0, limit=10)).position >= position
            assert (await changes.after(APP, 10**6, limit=10)).position == 10**6

    asyncio.run(scenario())


def test_a_waiting_reader_is_woken_by_its_own_app_alone(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            changes = ChangeQueries(books.pool)
            start = await books.append_and_project(requested(), requested(OTHER_APP))
            waiting = asyncio.ensure_future(changes.wait_for_some(APP, start, timeout_s=60))
            for _ in range(5):
                await books.append_and_project(requested(OTHER_APP))
            assert not waiting.done()
            await books.append_and_project(requested())
            assert await waiting
            # What is there already ends the next wait at once.
            assert await changes.wait_for_some(APP, start, timeout_s=60)
            assert not await changes.wait_for_some(APP, 10**6, timeout_s=0.05)

    asyncio.run(scenario())


def test_confirmations_by_webhooks_are_recorded_once_and_others_separately(
    database: str,
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = requested()
            issue(invoice)
            confirm(invoice)
            confirm(invoice, source="reconciliation")
            await books.append_and_project(invoice)
            found = await ChangeQueries(books.pool).after(APP, 0, limit=100)
            assert [change.type for change in found.changes] == [
                "invoice.requested",
                "invoice.issued",
                "invoice.provider_state_confirmed",
            ]

    asyncio.run(scenario())
