import asyncio

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from service.operations.pending_counts import BulkHistogram, PendingCounts

_BUCKETS = (0.01, 0.1, 1)
_AMOUNTS = (0.005, 0.01, 0.02, 0.5, 1, 7)


def test_pending_counts_are_written_as_single_ones_would_be() -> None:
    single, bulk = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("seconds", "Seconds.", ["kind"], buckets=_BUCKETS, registry=single)
    counter = Counter("answers", "Answers.", registry=single)
    pending_histogram = BulkHistogram(
        "seconds", "Seconds.", ["kind"], buckets=_BUCKETS, registry=bulk
    )
    pending_counter = Counter("answers", "Answers.", registry=bulk)
    pending = PendingCounts()

    async def count() -> None:
        for amount in _AMOUNTS:
            histogram.labels("one").observe(amount)
            counter.inc(2)
            pending.observe(pending_histogram.labels("one"), amount)
            pending.count(pending_counter, 2)
        assert bulk.get_sample_value("answers_total") == 0
        pending.flush()

    asyncio.run(count())
    written = [
        [line for line in generate_latest(registry).splitlines() if b"_created" not in line]
        for registry in (single, bulk)
    ]
    assert written[0] == written[1]


def test_counts_outside_of_a_loop_are_written_at_once() -> None:
    registry = CollectorRegistry()
    counter = Counter("answers", "Answers.", registry=registry)
    PendingCounts().count(counter)
    assert registry.get_sample_value("answers_total") == 1
