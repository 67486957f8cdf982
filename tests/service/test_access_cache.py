import asyncio
from uuid import UUID, uuid4

import pytest

from projections.access_queries import AccessFreshness, AppRow, ConnectionRow, KeyRow
from service.access_cache import AccessCache
from service.errors import AccessUnverified

KEY = KeyRow(app_id=uuid4(), key_id=uuid4(), kind="write", revoked=False)


class Projection:
    """An access projection that a test moves by hand."""

    def __init__(self) -> None:
        self.position = self.head = 10
        self.row: KeyRow | None = KEY
        self.asked = 0

    async def key_by_hash(self, _sha256_hex: str) -> KeyRow | None:
        self.asked += 1
        return self.row

    async def app(self, _app_id: UUID) -> AppRow | None:
        raise AssertionError("not asked here")

    async def connection_by_name(self, _app_id: UUID, _name: str) -> ConnectionRow | None:
        raise AssertionError("not asked here")

    async def connection_by_id(self, _connection_id: UUID) -> ConnectionRow | None:
        raise AssertionError("not asked here")

    async def freshness(self) -> AccessFreshness:
        return AccessFreshness(position=self.position, head=self.head)


class Bench:
    def __init__(self) -> None:
        self.time_s = 1000.0
        self.projection = Projection()
        self.cache = AccessCache(self.projection, max_age_s=5, clock_s=lambda: self.time_s)

    def look(self) -> None:
        asyncio.run(self.cache.look())

    def key(self) -> KeyRow | None:
        return asyncio.run(self.cache.key("ab"))


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.look()
    return bench


def test_a_row_is_asked_for_once_while_the_projection_stands_still(bench: Bench) -> None:
    assert [bench.key(), bench.key()] == [KEY, KEY]
    assert bench.projection.asked == 1


def test_a_row_is_asked_for_again_when_the_projection_has_moved(bench: Bench) -> None:
    bench.key()
    bench.projection.position = bench.projection.head = 11
    bench.projection.row = None
    bench.look()
    assert bench.key() is None


def test_a_row_is_asked_for_again_after_two_seconds(bench: Bench) -> None:
    bench.key()
    bench.time_s += 2.1
    bench.key()
    assert bench.projection.asked == 2


def test_a_no_is_not_remembered(bench: Bench) -> None:
    bench.projection.row = None
    assert bench.key() is None
    bench.projection.row = KEY
    assert bench.key() == KEY


def test_nothing_is_answered_before_the_first_look() -> None:
    with pytest.raises(AccessUnverified):
        Bench().key()


def test_nothing_is_answered_when_nobody_has_looked_for_five_seconds(bench: Bench) -> None:
    bench.key()
    bench.time_s += 5.1
    with pytest.raises(AccessUnverified):
        bench.key()


def test_a_projection_that_stands_still_behind_the_log_verifies_nothing(bench: Bench) -> None:
    bench.projection.head = 20
    for _ in range(11):
        bench.time_s += 0.5
        bench.look()
    with pytest.raises(AccessUnverified):
        bench.key()
    bench.projection.position = 20
    bench.look()
    assert bench.key() == KEY


def test_a_projection_a_second_behind_a_busy_log_is_fresh_enough(bench: Bench) -> None:
    heads = [10]
    for _ in range(40):
        bench.time_s += 0.5
        bench.projection.head += 100
        heads.append(bench.projection.head)
        bench.projection.position = heads[-3] if len(heads) > 2 else 10
        bench.look()
        assert bench.key() == KEY


def test_a_starting_process_waits_for_its_first_look_but_not_for_ever() -> None:
    bench = Bench()

    async def start() -> tuple[bool, bool]:
        await bench.cache.wait_until_verified(0.01)
        before = bench.cache.is_verified
        waiting = asyncio.ensure_future(bench.cache.wait_until_verified(10))
        await bench.cache.look()
        await waiting
        return before, bench.cache.is_verified

    assert asyncio.run(start()) == (False, True)


def test_what_a_look_saw_counts_from_before_it_asked(bench: Bench) -> None:
    bench.projection.head = 20
    bench.look()
    bench.time_s += 4
    bench.projection.position, bench.projection.head = 20, 30
    bench.look()
    bench.time_s += 1.1
    with pytest.raises(AccessUnverified):
        bench.key()
