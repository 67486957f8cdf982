"""Crash points of a job: before and after each call to the provider and each append."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final, NoReturn

from tests.workers.stripe_harness import Bench
from workers.providers.stripe.gateway import StripeGateway

APPEND = "append"

# The time between a death and the next run. Stripe keeps an idempotency key for a day, Mollie for
# an hour.
STRIPE_GAPS: Final = {"0 s": timedelta(0), "25 h": timedelta(hours=25)}
MOLLIE_GAPS: Final = {
    "0 s": timedelta(0),
    "62 min": timedelta(minutes=62),
    "25 h": timedelta(hours=25),
}


def death_points(steps: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Name each point where a death differs from all others, with the step before it.

    A GET changes nothing: a death after it equals a death before it.
    """
    for point, step in enumerate(["nothing", *steps]):
        if not step.startswith("get "):
            yield point, step


def changing_points(steps: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Name each point after a call that changes something at the provider, with that call."""
    for point, step in death_points(steps):
        if point > 0 and step != APPEND:
            yield point, step


class Died(BaseException):
    """Simulates a SIGKILL: nothing below may catch it."""


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

    def start_step(self, step: str) -> None:
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
    """Count each call over the wire and each append of a bench as a crash point."""
    bench.gateway = StripeGateway(
        bench.account.key, api_base=bench.account.url, await_rate_limit=death.start_step
    )
    save = bench.billing.save

    def counted(*args: Any, **kwargs: Any) -> Any:
        death.start_step(APPEND)
        return save(*args, **kwargs)

    bench.billing.save = counted  # type: ignore[method-assign]


def disarm(bench: Bench) -> None:
    """Run without a crash from here on."""
    bench.gateway = StripeGateway(bench.account.key, api_base=bench.account.url)
    del bench.billing.save
