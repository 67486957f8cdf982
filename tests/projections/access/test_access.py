import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from psycopg.sql import SQL

import eventlog
from domain.apps.commands import ChangeApp, DeleteConnection, RevokeKey, RotateKey
from domain.apps.connection import Connection
from domain.core.aggregate import AggregateRoot
from domain.tenants.commands import SetTenant
from domain.tenants.tenant import Tenant
from eventlog.database.connect import connect
from eventlog.database.migrate import Migrations, migrate
from projections import MIGRATIONS
from projections.access.queries import AccessQueries, AppRow, KeyRow
from projections.engine.pool import open_pool
from tests.projections.access.access_roots import (
    CONNECTION,
    KEY,
    SHA256,
    TENANT,
    app,
    connection,
    key,
)
from tests.projections.harness import APP, Reading, append, projecting
from tests.projections.random_events import AT

_TENANT = SQL(
    "SELECT contact_body, customers FROM read.tenants WHERE app_id = %s AND tenant_id = %s"
)


# Whether the events come in one batch or each in its own must not matter.
Append = Callable[[Reading, AggregateRoot], Awaitable[None]]


async def at_once(_: Reading, __: AggregateRoot) -> None:
    """Append all at the end."""


async def one_by_one(books: Reading, root: AggregateRoot) -> None:
    position = await append(books.log, root)
    projection = "tenants" if isinstance(root, Tenant) else "access"
    assert await books.invoices.wait_for(projection, position, 10)


both = pytest.mark.parametrize("after_each", [at_once, one_by_one])


async def append_pending(books: Reading, root: AggregateRoot) -> None:
    if root.pending_events:
        await one_by_one(books, root)


@both
def test_a_key_opens_its_app_until_it_is_revoked(database: str, after_each: Append) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            access = AccessQueries(books.pool)
            shop = app()
            await after_each(books, shop)
            shop.add_key(key(), occurred_at=AT)
            shop.add_key(key(key_id=uuid4(), key_sha256="77" * 32, kind="read"), occurred_at=AT)
            await append_pending(books, shop)
            assert await access.key_by_hash(SHA256) == KeyRow(APP, KEY, "write", revoked=False)
            shop.revoke_key(RevokeKey(app_id=APP, key_id=KEY, actor="op"), occurred_at=AT)
            await append_pending(books, shop)
            assert await access.key_by_hash(SHA256) == KeyRow(APP, KEY, "write", revoked=True)
            other = await access.key_by_hash("77" * 32)
            assert other is not None
            assert (other.kind, other.revoked) == ("read", False)
            assert await access.key_by_hash("00" * 32) is None

    asyncio.run(scenario())


def test_a_key_that_is_made_and_revoked_in_one_batch_is_revoked(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            shop = app()
            shop.add_key(key(), occurred_at=AT)
            shop.revoke_key(RevokeKey(app_id=APP, key_id=KEY, actor="op"), occurred_at=AT)
            await append_pending(books, shop)
            found = await AccessQueries(books.pool).key_by_hash(SHA256)
            assert found == KeyRow(APP, KEY, "write", revoked=True)

    asyncio.run(scenario())


@both
def test_an_apps_changes_keep_what_they_do_not_name(database: str, after_each: Append) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            shop = app()
            for change in (
                {"enabled": False},
                {"name": "Tea shop"},
                {"default_connections": {"stripe": "main"}},
                {"default_connections": {"mollie": "second"}},
            ):
                await after_each(books, shop)
                shop.change(ChangeApp(app_id=APP, actor="op", **change), occurred_at=AT)
            await append_pending(books, shop)
            defaults = {"stripe": "main", "mollie": "second"}
            found = await AccessQueries(books.pool).app(APP)
            assert found == AppRow(
                APP, "Tea shop", "shop", enabled=False, default_connections=defaults
            )
            assert await AccessQueries(books.pool).app(UUID(int=99)) is None

    asyncio.run(scenario())


@both
def test_a_connection_keeps_its_id_and_shows_its_newest_secrets(
    database: str, after_each: Append
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            access = AccessQueries(books.pool)
            main = Connection.create(connection(), connection_id=CONNECTION, occurred_at=AT)
            await after_each(books, main)
            newer = connection(
                sealed_key="sealed-3", sealed_webhook_secrets=["sealed-4", "sealed-2"]
            )
            main.change(newer, occurred_at=AT)
            await append_pending(books, main)
            found = await access.connection_by_id(CONNECTION)
            assert found is not None
            assert found == await access.connection_by_name(APP, "main")
            assert (found.provider, found.mode, found.redirect_url) == ("stripe", "test", None)
            assert found.sealed_key == "sealed-3"
            assert found.sealed_webhook_secrets == ["sealed-4", "sealed-2"]
            assert "sealed" not in repr(found)
            assert await access.connection_by_name(UUID(int=99), "main") is None
            assert await access.connection_by_id(UUID(int=99)) is None

    asyncio.run(scenario())


@both
def test_a_tenants_row_holds_all_its_customers(database: str, after_each: Append) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:

            def set_tenant(contact_body: str | None, **customers: str) -> SetTenant:
                return SetTenant(
                    app_id=APP,
                    tenant_id=TENANT,
                    contact_body=contact_body,
                    customers=customers,
                    actor="op",
                )

            tenant = Tenant.create(set_tenant("aa", main="cus_1"), occurred_at=AT)
            await after_each(books, tenant)
            tenant.start_customer("second", occurred_at=AT)
            await after_each(books, tenant)
            tenant.link_customer("second", "cus_2", occurred_at=AT)
            await after_each(books, tenant)
            tenant.change(set_tenant("bb", third="cus_3"), occurred_at=AT)
            await append_pending(books, tenant)
            (found,) = await books.pool.fetch(_TENANT, [APP, TENANT])
            assert found["contact_body"] == "bb"
            assert found["customers"] == {"main": "cus_1", "second": "cus_2", "third": "cus_3"}
            assert await books.pool.fetch(_TENANT, [UUID(int=99), TENANT]) == []

    asyncio.run(scenario())


@both
def test_a_replaced_key_has_an_end_and_a_successor(database: str, after_each: Append) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            access = AccessQueries(books.pool)
            shop = app()
            shop.add_key(key(), occurred_at=AT)
            await after_each(books, shop)
            new_key = key(key_id=uuid4(), key_sha256="77" * 32)
            ends_at = AT.replace(microsecond=0) + timedelta(hours=1)
            rotation = RotateKey(
                app_id=APP,
                key_id=KEY,
                new_key=new_key,
                expires_at=int(ends_at.timestamp()),
                actor="op",
            )
            shop.rotate_key(rotation, occurred_at=AT)
            await append_pending(books, shop)
            found = await access.key_by_hash(SHA256)
            assert found == KeyRow(APP, KEY, "write", revoked=False, expires_at=ends_at)
            details = await access.key(APP, KEY)
            assert details is not None
            assert (details.replaced_by, details.expires_at) == (new_key.key_id, ends_at)
            listed = await access.keys(APP)
            assert {row.key_id for row in listed} == {KEY, new_key.key_id}
            assert SHA256 not in repr(listed)
            assert await access.key(UUID(int=99), KEY) is None

    asyncio.run(scenario())


@both
def test_an_app_is_found_by_its_tokens_and_its_origins(database: str, after_each: Append) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            access = AccessQueries(books.pool)
            shop = app()
            for settings in (
                {"token_issuer": "us", "token_audience": "shop"},
                {"allowed_origins": ["https://tea.example"], "slug": "tea"},
                {"time_zone": "Asia/Tokyo"},
            ):
                await after_each(books, shop)
                shop.change(ChangeApp(app_id=APP, actor="op", settings=settings), occurred_at=AT)
            await append_pending(books, shop)
            found = await access.app(APP)
            assert found is not None
            assert (found.slug, found.settings.time_zone) == ("tea", "Asia/Tokyo")
            assert await access.apps_of_tokens("us", "shop") == [found]
            assert await access.apps_of_tokens("us", "else") == []
            assert await access.allows_origin("https://tea.example")
            assert not await access.allows_origin("https://tea")
            shop.change(ChangeApp(app_id=APP, actor="op", enabled=False), occurred_at=AT)
            await append_pending(books, shop)
            assert not await access.allows_origin("https://tea.example")

    asyncio.run(scenario())


@both
def test_a_connection_out_of_use_is_found_by_its_id_alone(
    database: str, after_each: Append
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            access = AccessQueries(books.pool)
            main = Connection.create(connection(), connection_id=CONNECTION, occurred_at=AT)
            await after_each(books, main)
            main.delete(DeleteConnection(app_id=APP, name="main", actor="op"), occurred_at=AT)
            await append_pending(books, main)
            found = await access.connection_by_id(CONNECTION)
            assert found is not None
            assert found.deleted
            assert await access.connection_by_name(APP, "main") is None
            assert await access.connections(APP) == []
            main.change(connection(), occurred_at=AT)
            await append_pending(books, main)
            assert [row.deleted for row in await access.connections(APP)] == [False]

    asyncio.run(scenario())


def test_rows_that_were_there_before_have_what_a_rebuild_finds(
    empty_database: str, tmp_path: Path
) -> None:
    """The columns came later than the tables: a system that ran before gets them in place."""
    files = [file for file in MIGRATIONS.folder.iterdir() if file.name.endswith(".sql")]
    for file in files:
        if int(file.name[:4]) <= 11:
            (tmp_path / file.name).write_text(file.read_text())
    migrate(empty_database, eventlog.MIGRATIONS, Migrations(MIGRATIONS.component, tmp_path))
    with connect(empty_database, application_name="test") as session:
        session.execute(
            "INSERT INTO read_access_g1.apps VALUES (%s, 'Shop', 'shop', true, '{}', 1)", [APP]
        )
    migrate(empty_database, eventlog.MIGRATIONS, MIGRATIONS)

    async def scenario() -> None:
        async with await open_pool(empty_database) as pool:
            found = await AccessQueries(pool).app(APP)
            assert found == AppRow(APP, "Shop", "shop", enabled=True, default_connections={})

    asyncio.run(scenario())
