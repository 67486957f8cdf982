"""Bodies of requests and answers beside the events: kept, compressed, erased, damaged."""

import asyncio
import threading
from uuid import uuid4

import psycopg
import pytest

from eventlog.bodies import Body
from eventlog.database.verify_chain import verify
from eventlog.errors import BodyDamaged, Conflict
from eventlog.log import Log
from tests.eventlog.stored_events import stored


def test_a_body_is_kept_with_its_event_and_never_without(log: Log, database: str) -> None:
    tenant, stream = uuid4(), uuid4()
    kept, lost = Body.of(b"kept" * 1000, tenant), Body.of(b"lost", tenant)
    log.append([stored(stream, 1)], [kept])
    with pytest.raises(Conflict):
        log.append([stored(stream, 1)], [lost])
    assert log.body(kept.sha256) == kept.data
    assert log.body(lost.sha256) is None
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT octet_length(bytes) FROM eventlog.bodies").fetchone()
        assert row is not None
        assert row[0] < len(kept.data) / 10


def test_a_large_body_is_kept_as_well(database: str) -> None:
    large = Body.of(bytes(range(256)) * 4096, None)

    async def scenario() -> None:
        log = await Log.open_async(database)
        await log.append_async([stored()], [large])
        assert await log.body_async(large.sha256) == large.data
        await log.close_async()

    asyncio.run(scenario())


def test_only_large_bodies_are_compressed_beside_the_loop(database: str) -> None:
    packed_by: dict[int, threading.Thread] = {}

    class Observed(Body):
        @property
        def packed(self) -> bytes:
            packed_by.setdefault(len(self.data), threading.current_thread())
            return b"\x00" + self.data

    async def scenario() -> None:
        log = await Log.open_async(database)
        for size in (10, 1 << 20):
            await log.append_async([stored()], [Observed.of(bytes(size), None)])
        await log.close_async()
        assert packed_by.pop(10) is threading.current_thread()
        assert packed_by.popitem()[1] is not threading.current_thread()

    asyncio.run(scenario())


def test_erasing_a_tenant_leaves_the_same_bytes_of_another(database: str) -> None:
    one, other = uuid4(), uuid4()
    shared = [Body.of(b"same", tenant) for tenant in (one, other, one, None, None)]
    own = Body.of(b"own", one)

    async def scenario() -> None:
        log = await Log.open_async(database)
        try:
            await log.append_async([stored()], [*shared, own])
            assert await log.erase_bodies_async(one) == 2
            found = await log.bodies_async([shared[0].sha256, own.sha256])
            assert found == {shared[0].sha256: b"same"}
            assert await log.erase_bodies_async(other) == 1
            assert await log.body_async(shared[0].sha256) == b"same"  # the copy without a tenant
        finally:
            await log.close_async()

    asyncio.run(scenario())
    assert verify(database).is_sound


def test_a_damaged_body_is_not_passed_off_as_the_original(log: Log, database: str) -> None:
    body = Body.of(b"fine", None)
    log.append([stored()], [body])
    for damage in (b"\x00fake", b"\x01fake"):
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("UPDATE eventlog.bodies SET bytes = %s", [damage])
        with pytest.raises(BodyDamaged):
            log.body(body.sha256)
