"""A final error of any provider call, or of our own, ends every job with a recorded outcome."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from typing import Final, TypeVar
from uuid import UUID

import psycopg
import pytest
from structlog.testing import capture_logs

from domain.core.errors import InvalidAmount
from domain.gateway.port import InvoicingGateway, SubscriptionGateway
from projections.work.table import apply_changes
from tests.workers.mollie_harness import MollieBench
from tests.workers.queue.faulty_gateway import (
    FaultyGateway,
    distinct,
    faulty_runtime,
    mollie_error,
    stripe_error,
)
from tests.workers.queue.final_error_cases import Args, Case, problem, waits_for_operator
from tests.workers.queue.mollie_final_cases import MOLLIE
from tests.workers.queue.stripe_final_cases import STRIPE
from tests.workers.stripe_harness import Bench
from workers.queue import jobs
from workers.queue.run import JobRunner
from workers.runtime import Runtime

STATUSES: Final = (400, 404, 409, 410, 422)
OWN_ERRORS: Final = (InvalidAmount(amount=1), ValueError("of our own"))
LIMIT_S: Final = 60.0


# Jobs that make no provider call, and those that one provider alone needs.
WITHOUT_CALLS: Final = frozenset({"assign_to_tenant", "mark_subscription_not_started"})
ONLY_AT_MOLLIE: Final = frozenset(
    {
        "apply_payment_hint", "cancel_other_payments", "check_subscription", "refund_overpayment",
        "start_subscription",
    }
)  # fmt: skip


# Calls of the ports that no job makes at a provider, with the reason.
STRIPE_CALLS_OF_NO_JOB: Final[dict[str, str]] = {}
MOLLIE_CALLS_OF_NO_JOB: Final = {
    "fetch_setup": "a setup at Mollie is a payment, which hints bring",
    "find_client_secret": "customers pay on Mollie's own page: it answers without a call",
    "set_default_method": "mandates have no default",
}
T = TypeVar("T", Bench, MollieBench)


def port_calls(port: type) -> frozenset[str]:
    """Return the names of a port's calls."""
    return frozenset(
        name for name, _ in inspect.getmembers(port, callable) if not name.startswith("_")
    )


def run_to_the_end(bench: Bench | MollieBench, runtime: Runtime, case: Case[T], args: Args) -> str:
    """Open the job's row and run it while it is due, moving its time; return what is left of it.

    "": nothing; else the row's state and last error.
    """
    opened = case.job_type.open(key=f"{case.name}:{args}", app_id=bench.app_id, args=args)

    async def open_row() -> None:
        async with await psycopg.AsyncConnection.connect(bench.log.dsn) as connection:
            await connection.execute("DELETE FROM work.jobs")
            await apply_changes(connection.cursor(), [opened])

    asyncio.run(open_row())
    runner, waited_s = JobRunner(runtime), 0.0
    with psycopg.connect(bench.log.dsn, autocommit=True) as session:
        while True:
            for job in runtime.work.take_due(limit=10):
                runner.run(job.id, job.sends)
            row = session.execute(
                "SELECT gave_up_at IS NOT NULL, last_error,"
                " extract(epoch FROM due_at - clock_timestamp())::float FROM work.jobs"
            ).fetchone()
            if row is None:
                return ""
            gave_up, last_error, due_s = row
            waited_s += max(due_s, 0.0)
            if gave_up or waited_s > LIMIT_S:
                return f"{'gave up' if gave_up else f'due in {due_s} s'}: {last_error}"
            session.execute("UPDATE work.jobs SET due_at = clock_timestamp(), sent_at = NULL")


def check(
    bench: T, runtime: Runtime, gateway: FaultyGateway, case: Case[T], fault: tuple[str, Exception]
) -> str | None:
    """Run a case with one faulty call; return how it failed the rule, None where it did not."""
    gateway.faulty, (call, error) = None, fault
    args = case.prepare(bench)
    gateway.faulty, gateway.error = fault
    left = run_to_the_end(bench, runtime, case, args)
    name = f"{case.name}, {call}, {type(error).__name__}({error})"
    periodic = case.job_type.name == jobs.CHECK_SUBSCRIPTION.name and str(error) in left
    ended = periodic or waits_for_operator(args, bench.billing)
    if left.startswith("due in") and not ended:
        return f"{name}: {left}"
    found = problem(args, bench.billing)
    return None if found is None else f"{name}: {found} ({left})"


def broken_rules(
    bench: T,
    redis_url: str,
    cases: Sequence[Case[T]],
    *,
    calls: frozenset[str],
    errors: Sequence[Exception],
) -> list[str]:
    """Run the cases with each of their calls and errors; return what broke the rule."""
    found: list[str | None] = []
    # Rendering the traceback of each error would take longer than the jobs.
    with capture_logs(), faulty_runtime(bench, redis_url, calls) as (runtime, gateway):
        for case in cases:
            gateway.faulty, gateway.made = None, []
            args = case.prepare(bench)
            run_to_the_end(bench, runtime, case, args)
            made = list(dict.fromkeys(gateway.made))
            assert made, f"{case.name} calls nothing"
            found += [
                check(bench, runtime, gateway, case, (call, error))
                for call in made
                for error in errors
            ]
    return [one for one in found if one is not None]


def test_every_job_has_a_case_at_each_provider() -> None:
    called = set(jobs.JOB_TYPES) - WITHOUT_CALLS
    assert {case.job_type.name for case in MOLLIE} == called
    assert {case.job_type.name for case in STRIPE} == called - ONLY_AT_MOLLIE


def test_a_refused_refund_lifts_its_reservation_at_once(bench: Bench, redis_url: str) -> None:
    cases = [case for case in STRIPE if case.name == "refund"]
    errors = [stripe_error(410), stripe_error(409), *OWN_ERRORS]
    calls = port_calls(InvoicingGateway)
    assert broken_rules(bench, redis_url, cases, calls=calls, errors=errors) == []


def test_a_charge_that_may_have_been_made_is_never_answered_as_refused(
    bench: Bench, redis_url: str
) -> None:
    (case,) = [case for case in STRIPE if case.name == "retry"]
    calls = port_calls(InvoicingGateway)
    outcomes = {"pay_invoice": "step_gave_up", "fetch_invoice": "request_refused"}
    with capture_logs(), faulty_runtime(bench, redis_url, calls) as (runtime, gateway):
        for call, outcome in outcomes.items():
            gateway.faulty = None
            args = case.prepare(bench)
            gateway.faulty, gateway.error = call, ValueError("of our own")
            left = run_to_the_end(bench, runtime, case, args)
            assert bench.topics(UUID(args["invoice_id"]))[-1] == f"invoice.{outcome}"
            assert left.startswith("gave up") is (outcome == "step_gave_up"), left
            gave_up = bench.invoice(UUID(args["invoice_id"])).view.gave_up
            assert (None if gave_up is None else gave_up.step) == (
                "pay" if outcome == "step_gave_up" else None
            )


def calls_made(
    bench: T, redis_url: str, cases: Sequence[Case[T]], calls: frozenset[str]
) -> frozenset[str]:
    """Return the provider calls that the cases make where nothing fails."""
    found: set[str] = set()
    with faulty_runtime(bench, redis_url, calls) as (runtime, gateway):
        for case in cases:
            gateway.faulty = None
            args = case.prepare(bench)
            gateway.made = []
            run_to_the_end(bench, runtime, case, args)
            found |= set(gateway.made)
    return frozenset(found)


@pytest.mark.extended
def test_every_call_to_stripe_is_made_by_a_case(bench: Bench, redis_url: str) -> None:
    calls = port_calls(InvoicingGateway)
    made = calls_made(bench, redis_url, STRIPE, calls)
    assert calls - made == STRIPE_CALLS_OF_NO_JOB.keys()


@pytest.mark.extended
def test_every_call_to_mollie_is_made_by_a_case(mollie: MollieBench, redis_url: str) -> None:
    calls = port_calls(SubscriptionGateway)
    made = calls_made(mollie, redis_url, MOLLIE, calls)
    assert calls - made == MOLLIE_CALLS_OF_NO_JOB.keys()


@pytest.mark.extended
@pytest.mark.parametrize("case", STRIPE, ids=lambda case: case.name)
def test_no_final_error_at_stripe_leaves_a_job_without_an_outcome(
    bench: Bench, redis_url: str, case: Case[Bench]
) -> None:
    errors = distinct([*map(stripe_error, STATUSES), *OWN_ERRORS])
    calls = port_calls(InvoicingGateway)
    assert broken_rules(bench, redis_url, [case], calls=calls, errors=errors) == []


@pytest.mark.extended
@pytest.mark.parametrize("case", MOLLIE, ids=lambda case: case.name)
def test_no_final_error_at_mollie_leaves_a_job_without_an_outcome(
    mollie: MollieBench, redis_url: str, case: Case[MollieBench]
) -> None:
    errors = distinct([*map(mollie_error, STATUSES), *OWN_ERRORS])
    calls = port_calls(SubscriptionGateway)
    assert broken_rules(mollie, redis_url, [case], calls=calls, errors=errors) == []
