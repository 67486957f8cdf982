import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from projections.access.queries import AccessFreshness, AppRow, ConnectionRow, KeyRow
from projections.engine.errors import ReadModelUnavailable
from service.auth.access_cache import AccessCache
from service.http.errors import AccessUnverified
from tests.support.wait_until import until

KEY = KeyRow(app_id=uuid4(), key_id=uuid4(), kind="write", revoked=False)


class Projection:
    """An access projection that a test moves by hand."""

    def __init__(self) -> None:
        self.position = self.head = self.changed_at = 10
        self.row: KeyRow | None = KEY
        self.error: Exception | None = None
        self.lookups = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def key_by_hash(self, _sha256_hex: str) -> KeyRow | None:
        self.lookups += 1
        row = self.row
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return row

    async def wait_for_lookups(self, times: int) -> None:
        await until(lambda: self.lookups == times)

    async def app(self, _app_id: UUID) -> AppRow | None:
        raise AssertionError("not asked here")

    async def apps_of_tokens(self, _issuer: str, _audience: str) -> Sequence[AppRow]:
        raise AssertionError("not asked here")

    async def allows_origin(self, _origin: str) -> bool:
        raise AssertionError("not asked here")

    async def connection_by_name(self, _app_id: UUID, _name: str) -> ConnectionRow | None:
        raise AssertionError("not asked here")

    async def connection_by_id(self, _connection_id: UUID) -> ConnectionRow | None:
        raise AssertionError("not asked here")

    async def freshness(self, since: int) -> AccessFreshness:
        changed = since < self.changed_at <= self.position
        return AccessFreshness(position=self.position, head=self.head, changed=changed)


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


def test_a_row_is_read_once_while_the_projection_is_unchanged(bench: Bench) -> None:
    assert [bench.key(), bench.key()] == [KEY, KEY]
    assert bench.projection.lookups == 1


def test_a_row_is_kept_while_the_projection_passes_what_changes_none(bench: Bench) -> None:
    bench.key()
    bench.projection.position = bench.projection.head = 11
    bench.look()
    bench.key()
    assert bench.projection.lookups == 1


def test_a_row_is_read_again_when_any_has_changed(bench: Bench) -> None:
    bench.key()
    bench.projection.position = bench.projection.head = bench.projection.changed_at = 11
    bench.projection.row = None
    bench.look()
    assert bench.key() is None


def test_a_row_is_read_again_after_two_seconds(bench: Bench) -> None:
    bench.key()
    bench.time_s += 2.1
    bench.key()
    assert bench.projection.lookups == 2


def test_a_missing_row_is_not_cached(bench: Bench) -> None:
    bench.projection.row = None
    assert bench.key() is None
    bench.projection.row = KEY
    assert bench.key() == KEY


def test_nothing_is_answered_before_the_first_read_of_the_position() -> None:
    with pytest.raises(AccessUnverified):
        Bench().key()


def test_nothing_is_answered_when_nobody_has_looked_for_five_seconds(bench: Bench) -> None:
    bench.key()
    bench.time_s += 5.1
    with pytest.raises(AccessUnverified):
        bench.key()


def test_a_stopped_projection_behind_the_log_verifies_nothing(bench: Bench) -> None:
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


def test_a_starting_process_waits_for_its_first_position_with_a_time_out() -> None:
    bench = Bench()

    async def start() -> tuple[bool, bool]:
        await bench.cache.wait_until_verified(0.01)
        before = bench.cache.is_verified
        waiting = asyncio.ensure_future(bench.cache.wait_until_verified(10))
        await bench.cache.look()
        await waiting
        return before, bench.cache.is_verified

    assert asyncio.run(start()) == (False, True)


def test_a_read_ends_the_longer_pause_of_a_settled_projection() -> None:
    async def scenario() -> None:
        bench = Bench()
        looking = asyncio.ensure_future(bench.cache.keep_looking())
        await bench.cache.wait_until_verified(10)
        assert await bench.cache.key("ab") == KEY
        bench.projection.row, bench.projection.position = None, 11
        bench.projection.head = bench.projection.changed_at = 11
        await until(lambda: not bench.cache._known)  # noqa: SLF001
        assert await bench.cache.key("ab") is None
        looking.cancel()

    asyncio.run(scenario())


def test_a_process_that_stood_still_looks_before_it_refuses() -> None:
    async def scenario() -> None:
        bench = Bench()
        looking = asyncio.ensure_future(bench.cache.keep_looking())
        await bench.cache.wait_until_verified(10)
        bench.time_s += 7
        assert await asyncio.gather(*(bench.cache.key("ab") for _ in range(3))) == [KEY] * 3
        bench.projection.head = 20
        bench.time_s += 7
        for _ in range(2):
            with pytest.raises(AccessUnverified):
                await bench.cache.key("ab")
        looking.cancel()

    asyncio.run(scenario())


def test_the_age_of_a_position_counts_from_before_its_query(bench: Bench) -> None:
    bench.projection.head = 20
    bench.look()
    bench.time_s += 4
    bench.projection.position, bench.projection.head = 20, 30
    bench.look()
    bench.time_s += 1.1
    with pytest.raises(AccessUnverified):
        bench.key()


def test_concurrent_lookups_of_one_row_share_one_query(bench: Bench) -> None:
    async def scenario() -> None:
        bench.projection.answers.clear()
        lookups = [asyncio.ensure_future(bench.cache.key("ab")) for _ in range(50)]
        await bench.projection.wait_for_lookups(1)
        lookups[0].cancel()
        await asyncio.sleep(0)
        bench.projection.answers.set()
        found = await asyncio.gather(*lookups, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [KEY] * 49

    asyncio.run(scenario())
    assert bench.projection.lookups == 1


def test_a_no_is_not_shared(bench: Bench) -> None:
    async def scenario() -> None:
        bench.projection.row = None
        bench.projection.answers.clear()
        early = asyncio.ensure_future(bench.cache.key("ab"))
        await bench.projection.wait_for_lookups(1)
        bench.projection.row = KEY
        late = asyncio.ensure_future(bench.cache.key("ab"))
        await asyncio.sleep(0)
        bench.projection.answers.set()
        assert (await early, await late) == (None, KEY)

    asyncio.run(scenario())


def test_an_answer_under_way_when_a_row_changes_is_neither_shared_nor_kept(bench: Bench) -> None:
    async def scenario() -> None:
        bench.projection.answers.clear()
        early = asyncio.ensure_future(bench.cache.key("ab"))
        await bench.projection.wait_for_lookups(1)
        bench.projection.row = None
        bench.projection.position = bench.projection.head = bench.projection.changed_at = 11
        await bench.cache.look()
        late = asyncio.ensure_future(bench.cache.key("ab"))
        await bench.projection.wait_for_lookups(2)
        bench.projection.answers.set()
        assert (await early, await late) == (KEY, None)
        assert await bench.cache.key("ab") is None

    asyncio.run(scenario())


def test_a_failed_query_fails_all_its_callers_and_is_repeated(bench: Bench) -> None:
    async def scenario() -> None:
        bench.projection.answers.clear()
        bench.projection.error = ReadModelUnavailable("away")
        lookups = [asyncio.ensure_future(bench.cache.key("ab")) for _ in range(3)]
        await bench.projection.wait_for_lookups(1)
        bench.projection.answers.set()
        for one in lookups:
            with pytest.raises(ReadModelUnavailable):
                await one
        bench.projection.error = None
        assert await bench.cache.key("ab") == KEY

    asyncio.run(scenario())
