"""Test that reconciliation gives way to callers, and goes on however busy they are."""

from __future__ import annotations

from uuid import uuid4

from projections.work.caller_requests import CallerRequests
from projections.work.sessions import WorkUnavailable
from tests.projections.work.claims import add_jobs, claimed, opened
from workers.providers.give_way import GiveWay


class Times:
    """A clock, and requests that are running at times; pauses move the clock."""

    def __init__(self, *running: tuple[float, float]) -> None:
        self.now = 100.0
        self.running = running
        self.way = GiveWay(self.are_running, now_s=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def are_running(self) -> bool:
        return any(start <= self.now < end for start, end in self.running)

    def waited(self) -> float:
        before = self.now
        self.way.wait()
        return round(self.now - before, 2)


def test_a_call_waits_until_requests_have_ended_for_a_moment() -> None:
    times = Times((100.0, 100.3), (100.35, 100.4))
    assert 0.55 <= times.waited() <= 0.65


def test_without_requests_no_call_waits() -> None:
    assert Times().waited() == 0


def test_a_call_is_made_each_second_however_busy_callers_are() -> None:
    times = Times((0.0, 1_000.0))
    assert 1 <= times.waited() <= 1.1
    assert 1 <= times.waited() <= 1.1


def test_a_work_table_that_is_away_delays_no_call() -> None:
    def away() -> bool:
        raise WorkUnavailable("away")

    GiveWay(away, sleep=lambda _: None).wait()


def test_requests_and_lookups_are_seen_while_a_living_process_runs_them(database: str) -> None:
    requests = CallerRequests(database)
    requests.open()
    try:
        with opened(database, uuid4(), threads=4) as slots:
            slots.heartbeat([])
            assert not requests.are_running()
            for queue, is_seen in (("events", False), ("requests", True)):
                (job_id,) = add_jobs(database, 1, app=uuid4(), connection="a", queue=queue)
                job = claimed(slots, job_id)
                assert requests.are_running() is is_seen, queue
                slots.release(job, answered=None, finished=True)
            assert not requests.are_running()
    finally:
        requests.close()
