"""Death between any two steps of a job: calls to the provider, one by one, and appends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn

from tests.workers.stripe_harness import Bench
from workers.providers.stripe.gateway import StripeGateway

APPEND = "append"


class Died(BaseException):
    """What a SIGKILL looks like from inside: nothing below may catch it."""


def raise_died() -> NoReturn:
    """Die as an exception, in the test's own process."""
    raise Died


def kill_self() -> NoReturn:
    """Die for real."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a dead process goes on")


class Death:
    """Counts a job's steps and comes at a chosen point; point n lies before the n-th step.

    Between two steps nothing happens that anybody else could see: what dies after one dies before
    the next. The last point lies after the last step.
    """

    def __init__(self, die: Callable[[], NoReturn] = raise_died) -> None:
        self.steps: list[str] = []
        self.occurred_at: int | None = None
        self._die = die

    def begin(self, step: str) -> None:
        """Go on with a step, or die before it."""
        self._come()
        self.steps.append(step)

    def end(self) -> None:
        """Die after the last step, if that is when."""
        self._come()

    def _come(self) -> None:
        if self.occurred_at == len(self.steps):
            self.occurred_at = None
            self._die()


def arm(bench: Bench, death: Death) -> None:
    """Let death count each call over the wire and each append of a bench."""
    bench.gateway = StripeGateway(
        bench.account.key, api_base=bench.account.url, await_rate_limit=death.begin
    )
    save = bench.billing.save

    def counted(*args: Any, **kwargs: Any) -> Any:
        death.begin(APPEND)
        return save(*args, **kwargs)

    bench.billing.save = counted  # type: ignore[method-assign]


def disarm(bench: Bench) -> None:
    """Let the next run be undisturbed."""
    bench.gateway = StripeGateway(bench.account.key, api_base=bench.account.url)
    del bench.billing.save
