"""Calls of an import to a provider that is away, or refuses for good."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from workers.providers.retry import RetryingCaller


def away(*, counted: bool, times: int) -> Callable[[], str]:
    left = [GatewayUnavailable("away", retry_after_s=3, counted=counted)] * times

    def call() -> str:
        if left:
            raise left.pop()
        return "answer"

    return call


def test_an_unavailable_provider_is_called_again_after_its_retry_time() -> None:
    pauses: list[float] = []
    patience = RetryingCaller(tries=3, sleep=pauses.append)
    assert patience(away(counted=True, times=2)) == "answer"
    assert patience(away(counted=False, times=9)) == "answer"
    assert pauses == [3] * 11
    with pytest.raises(GatewayUnavailable):
        patience(away(counted=True, times=3))


def test_a_final_error_is_not_retried() -> None:
    def refused() -> str:
        raise GatewayRejected("no", code="no")

    with pytest.raises(GatewayRejected):
        RetryingCaller(sleep=lambda _: None)(refused)
