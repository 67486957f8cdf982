import asyncio
from datetime import timedelta
from uuid import UUID

import orjson

from domain.tenants.commands import SetTenant
from domain.tenants.tenant import Tenant
from eventlog.bodies import Body
from eventlog.codec import Codec
from projections.generations.rebuild import rebuild
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP, Reading, issue, projecting, requested
from tests.projections.random_events import AT

OTHER_APP, TENANT, OTHER_TENANT = UUID(int=2), UUID(int=3), UUID(int=4)


def contact_body(email: str | None, tenant_id: UUID = TENANT) -> Body:
    return Body.of(orjson.dumps({"name": "Ada", "email": email}), tenant_id)


def set_tenant(body: Body, tenant_id: UUID = TENANT) -> SetTenant:
    return SetTenant(
        app_id=APP, tenant_id=tenant_id, contact_body=body.sha256.hex(), customers={}, actor="key:1"
    )


async def record(books: Reading, tenant: Tenant, body: Body) -> None:
    codec = Codec()
    events = [codec.encode(event) for event in tenant.collect_events()]
    position = (await books.log.append_async(events, [body]))[-1]
    assert await books.invoices.wait_for("emails", position, 10)


async def found(books: Reading, q: str, app_id: UUID = APP) -> set[str | None]:
    page = await books.invoices.list_invoices(InvoiceFilter(app_id, q=q))
    assert page.total == len(page.rows)
    return {row.view.number for row in page.rows}


async def stock(books: Reading) -> None:
    for index, (number, tenant_id) in enumerate(
        [("A-1", TENANT), ("A-2", OTHER_TENANT), ("B-1", TENANT), ("B-22", OTHER_TENANT)]
    ):
        invoice = requested(tenant_id=tenant_id, metadata={"order": f"blue {index} chair"})
        issue(invoice, number=number, customer=f"cus_{number}", provider_object_id=f"in_{index}")
        await books.append_and_project(invoice)
    await books.append_and_project(requested(OTHER_APP, metadata={"order": "blue chair"}))


SEARCHES: dict[str, set[str]] = {
    "a-1": {"A-1"},
    "A": {"A-1", "A-2"},
    "b-2": {"B-22"},
    "in_3": {"B-22"},
    "cus_a-2": {"A-2"},
    "chai BLUE": {"A-1", "A-2", "B-1", "B-22"},
    "blue 2": {"A-2", "B-1", "B-22"},
    "blue 2 a": {"A-2"},
    "hair": set(),
    "red chair": set(),
    "in_3%": set(),
    "in.3": set(),
}


def test_every_search_term_is_a_prefix_of_an_indexed_term(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await stock(books)
            for q, numbers in SEARCHES.items():
                assert await found(books, q) == numbers, q

    asyncio.run(scenario())


def test_a_tenants_invoices_are_found_by_its_email_as_long_as_it_has_it(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await stock(books)
            first = contact_body("Ada.Byron@Shop.example")
            tenant = Tenant.create(set_tenant(first), occurred_at=AT)
            await record(books, tenant, first)
            assert await found(books, "ada.byron@shop.example") == {"A-1", "B-1"}
            assert await found(books, "byron") == {"A-1", "B-1"}
            assert await found(books, "byron b-") == {"B-1"}
            # `b` begins words of both: the order's colour, and the e-mail.
            assert await found(books, "b") == {"A-1", "A-2", "B-1", "B-22"}
            assert await found(books, "byron", OTHER_APP) == set()
            second = contact_body("lovelace@shop.example")
            tenant.change(set_tenant(second), occurred_at=AT)
            await record(books, tenant, second)
            assert await found(books, "byron") == set()
            assert await found(books, "lovelace") == {"A-1", "B-1"}

    asyncio.run(scenario())


def test_pages_of_what_is_found_in_two_ways_show_each_invoice_once(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            body = contact_body("blue@shop.example")
            await record(books, Tenant.create(set_tenant(body), occurred_at=AT), body)
            made = []
            for index in range(11):
                of_tenant = {"tenant_id": TENANT} if index % 2 else {}
                invoice = requested(
                    **of_tenant, metadata={"x": "blue"}, occurred_at=AT + timedelta(seconds=index)
                )
                await books.append_and_project(invoice)
                made.append(invoice.id)
            seen: list[UUID] = []
            cursor = None
            while True:
                filters = InvoiceFilter(APP, q="blue", limit=4, cursor=cursor)
                page = await books.invoices.list_invoices(filters)
                assert page.total == 11
                seen += [row.view.id for row in page.rows]
                if (cursor := page.next_cursor) is None:
                    break
            assert seen == made[::-1]
            by_number = [
                (await books.invoices.list_invoices(InvoiceFilter(APP, q="blue", limit=4, page=n)))
                for n in range(3)
            ]
            assert [row.view.id for page in by_number for row in page.rows] == seen

    asyncio.run(scenario())


def test_an_erased_email_is_not_found_after_a_rebuild(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await stock(books)
            body = contact_body("ada@shop.example")
            await record(books, Tenant.create(set_tenant(body), occurred_at=AT), body)
            assert await books.log.erase_bodies_async(TENANT) == 1
            done = await asyncio.to_thread(lambda: rebuild(database, "emails", accept_changes=True))
            assert done.differing > 0
            assert await found(books, "ada@shop.example") == set()

    asyncio.run(scenario())
