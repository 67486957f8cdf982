"""Exponential back-off doubles from the first pause to the longest."""

from eventlog.process.backoff import backoff_s


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [backoff_s(failures, first_s=0.5, longest_s=6) for failures in range(6)]

    assert pauses == [0.5, 1, 2, 4, 6, 6]
    assert backoff_s(10_000, first_s=0.5, longest_s=6) == 6
