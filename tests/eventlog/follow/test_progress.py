"""When a follower reads the log again."""

import pytest

from eventlog.follow.progress import Progress


def _after_a_batch(*, read_at_s: float, took_s: float) -> Progress:
    progress = Progress(stored=0, seen=0, head=1)
    progress.read_at_s = read_at_s
    progress.handled(1, from_s=read_at_s, until_s=read_at_s + took_s, batch=500)
    return progress


def test_the_log_is_read_again_a_moment_after_a_short_batch() -> None:
    progress = _after_a_batch(read_at_s=100.0, took_s=0.001)
    assert progress.rest_until_s(between_s=0.01) == pytest.approx(100.01)


def test_a_follower_rests_twice_as_long_as_a_long_batch_took() -> None:
    progress = _after_a_batch(read_at_s=100.0, took_s=0.02)
    assert progress.rest_until_s(between_s=0.01) == pytest.approx(100.06)


def test_a_follower_rests_for_a_twentieth_of_a_second_at_most() -> None:
    progress = _after_a_batch(read_at_s=100.0, took_s=10.0)
    assert progress.rest_until_s(between_s=0.01) == pytest.approx(110.05)


def test_after_a_quiet_moment_a_follower_reads_at_once() -> None:
    progress = _after_a_batch(read_at_s=100.0, took_s=0.02)
    progress.read_at_s = 200.0  # nothing came, and nothing was handled
    assert progress.rest_until_s(between_s=0.01) == pytest.approx(200.01)
