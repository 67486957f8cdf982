"""Freshness of the access projection: how far it has read, and whether access changed since."""

import asyncio

import pytest

from domain.tenants.commands import SetTenant
from domain.tenants.tenant import Tenant
from projections.access.queries import AccessQueries
from projections.engine.pool import open_pool
from tests.projections.access.access_roots import TENANT, app
from tests.projections.harness import APP, append, projecting
from tests.projections.random_events import AT
from tests.support.wait_until import until_async


def test_freshness_reaches_a_head_seen_earlier_also_past_others_events(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            access = AccessQueries(books.pool)
            await append(
                books.log,
                app(),
                Tenant.create(
                    SetTenant(
                        app_id=APP, tenant_id=TENANT, contact_body=None, customers={}, actor="op"
                    ),
                    occurred_at=AT,
                ),
            )
            head = (await access.freshness()).head
            assert head == 2

            async def has_passed() -> bool:
                return (await access.freshness()).position >= head

            await until_async(has_passed)

    asyncio.run(scenario())


@pytest.mark.parametrize("since", [-1, 2**15 - 1, 2**15, 2**31 - 1, 2**31, 2**40])
def test_freshness_is_reported_at_any_position(database: str, since: int) -> None:
    async def scenario() -> None:
        async with await open_pool(database) as pool:
            assert (await AccessQueries(pool).freshness(since)).head == 0

    asyncio.run(scenario())


def test_freshness_shows_whether_access_changed_after_a_position(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            access = AccessQueries(books.pool)
            tenant = Tenant.create(
                SetTenant(
                    app_id=APP, tenant_id=TENANT, contact_body=None, customers={}, actor="op"
                ),
                occurred_at=AT,
            )
            await append(books.log, app(), tenant)

            async def has_passed() -> bool:
                return (await access.freshness()).position >= 2

            await until_async(has_passed)
            changed = {since: (await access.freshness(since)).changed for since in range(-1, 4)}
            assert changed == {-1: True, 0: True, 1: False, 2: False, 3: True}

    asyncio.run(scenario())
