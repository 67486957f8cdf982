"""A final refusal of any list or object that reconciliation reads ends its run at once.

Nothing is recorded as seen that was not read: the next runs find all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest

from domain.gateway.errors import GatewayError
from tests.workers.mollie_harness import MollieBench
from tests.workers.reconciliation import test_mollie_audit, test_stripe_audit
from tests.workers.reconciliation.nets import Nets
from tests.workers.stripe_harness import Bench
from workers.providers.stripe.client import NETWORK_RETRIES

STATUSES: Final = (400, 404, 409, 410, 422)
# What says that an object is gone is an answer about it, not a refusal.
GONE: Final = frozenset({404, 410})
Run = Callable[[], Any]


def read_paths(nets: Nets, run: Run) -> list[str]:
    """Return the paths that a run reads, with a wildcard for ids."""
    admin = nets.bench.account.admin
    admin.forget_requests()
    run()
    read = [entry["path"] for entry in admin.requests(method="GET")]
    return sorted({re.sub(r"/(\w+_)\w+(?=/|$)", r"/\1*", path) for path in read})


def require_end(nets: Nets, path: str, status: int, run: Run) -> None:
    """Refuse a path for one run; require that it ends without a retry loop."""
    admin = nets.bench.account.admin
    admin.forget_requests()
    admin.add_fault("status", status=status, method="GET", path=path, times=100)
    with suppress(GatewayError):
        run()
    admin.drop_faults()
    pattern = re.escape(path).replace(r"\*", r"\w+")
    asked = [
        entry["path"]
        for entry in admin.requests(method="GET")
        if re.fullmatch(pattern, entry["path"])
    ]
    # A conflict may pass: the SDK repeats it.
    repeated = 1 + NETWORK_RETRIES if status == 409 else 1
    assert 0 < len(asked) <= repeated, (path, status, asked)


def refuse_each(nets: Nets, run: Run) -> None:
    paths = read_paths(nets, run)
    assert paths
    for path in paths:
        for status in STATUSES:
            if "*" not in path or status not in GONE:
                require_end(nets, path, status, run)


@pytest.mark.extended
def test_a_final_refusal_ends_a_run_over_stripe_and_loses_nothing(
    stripe_nets: Nets, bench: Bench
) -> None:
    test_stripe_audit.trade(bench)
    made = {test_stripe_audit.missing_invoice(bench) for _ in range(2)}
    bench.account.admin.set_clock(advance_s=61)
    period = stripe_nets.period()

    refuse_each(stripe_nets, lambda: stripe_nets.audit(dry_run=True).run(period))
    for status in STATUSES:
        require_end(stripe_nets, "/v1/events", status, lambda: stripe_nets.catch_up().run())
    assert stripe_nets.entries() == []

    stripe_nets.catch_up().run()
    assert stripe_nets.audit().run(period).finished
    assert made <= {entry.received.object_id for entry in stripe_nets.entries()}


@pytest.mark.extended
def test_a_final_refusal_ends_a_run_over_mollie_and_loses_nothing(
    mollie_nets: Nets, mollie: MollieBench
) -> None:
    known = test_mollie_audit.trade(mollie)
    period = mollie_nets.period()

    refuse_each(mollie_nets, lambda: mollie_nets.audit(dry_run=True).run(period))

    assert mollie_nets.audit().run(period).found["payments"] == 3
    mollie_nets.heal()
    assert mollie.topics(known["paid"]).count("invoice.payment_succeeded") == 1
