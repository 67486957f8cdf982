"""Payloads of received events are read in parts of bounded size, in the order of the log."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import psycopg

from domain.inbox.provider_event import ProviderEventReceived
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.malformed_objects import long_text
from workers.webhooks.payload_batches import DAMAGED, parsed_in_parts

PART_BYTES = 100_000


def event(number: int, *, size: int) -> dict[str, Any]:
    about = {"object": "charge", "id": f"ch_{number}", "description": long_text(number, size)}
    return {
        "id": f"evt_{number}",
        "type": "charge.updated",
        "created": 1_800_000_000,
        "data": {"object": about},
    }


def parts(bench: Bench, received: list[RecordedEvent]) -> list[list[tuple[str, str | None]]]:
    """Return the provider's ids of the events of each part, with the error of each."""

    async def read() -> list[list[tuple[str, str | None]]]:
        log = await Log.open_async(bench.log.dsn)
        codec = Codec()
        entries = [cast("ProviderEventReceived", codec.decode(one)) for one in received]
        found = [
            [(parsed.entry.provider_event_id, parsed.error) for parsed in part]
            async for part in parsed_in_parts(log, entries, part_bytes=PART_BYTES)
        ]
        await log.close_async()
        return found

    return asyncio.run(read())


def test_a_part_has_at_most_so_many_bytes_and_at_least_one_event(bench: Bench) -> None:
    sizes = [10_000] * 12 + [150_000, 150_000] + [45_000] * 3
    received = [bench.receive(event(n, size=size)) for n, size in enumerate(sizes)]

    found = parts(bench, received)

    assert [name for part in found for name, _ in part] == [f"evt_{n}" for n in range(len(sizes))]
    assert [len(part) for part in found] == [9, 3, 1, 1, 2, 1]


def test_a_damaged_payload_is_an_error_of_its_event_alone(bench: Bench) -> None:
    received = [bench.receive(event(n, size=1_000)) for n in range(3)]
    hash_ = cast("ProviderEventReceived", Codec().decode(received[1])).body
    with psycopg.connect(bench.log.dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE eventlog.bodies SET bytes = %s WHERE sha256 = %s",
            [b"\x00other", bytes.fromhex(hash_)],
        )

    assert parts(bench, received) == [[("evt_0", None), ("evt_1", DAMAGED), ("evt_2", None)]]
    bench.apply(*received)
    assert [bench.entry(one).parked for one in received] == [0, 1, 0]
