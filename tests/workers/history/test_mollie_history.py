"""Test the import of a Mollie account from lists; a second run adds nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.gateway.errors import GatewayUnavailable
from domain.invoices.events import InvoiceImported
from domain.invoices.view import InvoiceView
from domain.subscriptions.subscription import Subscription
from tests.support.mollie_account import amount
from tests.workers.history.imports import open_imports
from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from workers.history.mollie import MollieImport

Start = Callable[[], MollieImport]


@pytest.fixture
def start(mollie: MollieBench) -> Iterator[Start]:
    with open_imports(mollie.log.dsn) as imports:
        yield partial(imports.mollie, mollie)


def views(mollie: MollieBench) -> list[InvoiceView]:
    imported = mollie.log.read(0, 10_000, [InvoiceImported.TOPIC])
    return [mollie.invoice(UUID(str(entry.originator_id))).view for entry in imported]


def books(mollie: MollieBench) -> dict[str, int]:
    """Return what was imported."""
    known = views(mollie)
    return {
        "payment": sum(view.amount_paid_minor for view in known),
        "refund": sum(view.amount_refunded_minor for view in known),
        "chargeback": sum(view.amount_disputed_minor for view in known),
    }


def ledger(mollie: MollieBench) -> dict[str, int]:
    """The same by the sandbox's own books."""
    sums: Counter[str] = Counter()
    for entry in mollie.account.admin.ledger()["entries"]:
        sums[entry["kind"]] += entry["amount"]
    return dict(sums)


def live(mollie: MollieBench) -> str:
    """Half a year of an account that knew nothing of us; gives its subscription's id."""
    account, recurring = mollie.account, Recurring(mollie)
    owner = account.with_mandate()
    made = account.subscribe(owner)
    for _ in range(6):
        recurring.pass_time(timedelta(days=31))
    payments = [one["id"] for one in mollie.payments()]
    account.admin.refund(payments[0], amount=amount("2.50"))
    account.admin.chargeback(payments[2])
    account.admin.set_settings(next_outcomes=["failed"])
    recurring.pass_time(timedelta(days=31))
    account.pay("3.00")
    return str(made.id)


def test_the_sums_are_the_ledgers_and_a_second_run_adds_no_event(
    mollie: MollieBench, start: Start
) -> None:
    subscription = live(mollie)

    done = start().run(0)

    assert done.finished
    assert done.counts["subscriptions"] == {"new": 1}
    assert done.counts["invoices"] == {"new": 9, "skipped": 1}
    assert books(mollie) == ledger(mollie)
    renewals = [view for view in views(mollie) if view.subscription_id is not None]
    assert all(view.period_start and view.period_end for view in renewals)
    statuses = Counter((view.status, view.origin) for view in views(mollie))
    assert statuses == {("paid", "import"): 8, ("failed", "import"): 1}
    named = start().account.id_of(subscription)
    assert mollie.billing.get(Subscription, named).view.status == "active"
    head = mollie.log.head()
    again = start().run(0)
    assert again.counts["invoices"] == {"known": 9, "skipped": 1}
    assert mollie.log.head() == head


def test_it_only_reads_at_the_provider(mollie: MollieBench, start: Start) -> None:
    live(mollie)
    mollie.account.admin.forget_requests()

    start().run(0)

    assert {entry["method"] for entry in mollie.account.admin.requests()} == {"GET"}


def test_objects_requested_here_are_left_to_their_own_streams(
    mollie: MollieBench, start: Start
) -> None:
    recurring = Recurring(mollie)
    view = recurring.started()
    elsewhere = {"billhook_subscription": str(uuid4())}
    mollie.account.subscribe(mollie.account.with_mandate(), metadata=elsewhere)

    done = start().run(0)

    assert done.counts["subscriptions"] == {"ours": 1, "new": 1}
    assert done.counts["invoices"] == {"ours": 1, "new": 2}
    recurring.pass_time(timedelta(days=32))
    start().run(0)
    (renewal,) = [
        one for one in views(mollie) if one.subscription_id == view.provider_subscription_id
    ]
    assert [line["price"] for line in renewal.lines] == ["monthly"]
    assert renewal.subscription_id == view.provider_subscription_id


def test_one_that_was_interrupted_goes_on(
    mollie: MollieBench, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(mollie)
    first = start()
    read = first.history.payments

    def fail(_: str | None) -> Any:
        raise GatewayUnavailable("away")

    monkeypatch.setattr(first.history, "payments", fail)
    with pytest.raises(GatewayUnavailable):
        first.run(0)
    assert views(mollie) == []
    monkeypatch.setattr(first.history, "payments", read)
    mollie.account.admin.forget_requests()

    start().run(0)

    assert books(mollie) == ledger(mollie)
    assert mollie.account.admin.requests(path="/subscriptions") == []


def test_a_trial_run_records_nothing(mollie: MollieBench, start: Start) -> None:
    live(mollie)
    head = mollie.log.head()
    trial = start()
    trial.dry_run = True

    done = trial.run(0)

    assert done.counts["invoices"] == {"new": 9, "skipped": 1}
    assert mollie.log.head() == head


def test_a_subscription_of_a_fixed_number_of_payments_ended_with_the_last(
    mollie: MollieBench, start: Start
) -> None:
    account, recurring = mollie.account, Recurring(mollie)
    made = account.subscribe(account.with_mandate(), times=3, startDate="2027-01-31")
    for _ in range(6):
        recurring.pass_time(timedelta(days=31))
    assert start().run(0).counts["subscriptions"] == {"new": 1}
    view = mollie.billing.get(Subscription, start().account.id_of(made.id)).view
    assert (view.status, view.canceled_at) == ("canceled", None)
    assert view.ended_at is not None
    renewals = [view for view in views(mollie) if view.subscription_id is not None]
    assert len(renewals) == 3
    assert view.ended_at.date() == max(one.created_at for one in renewals).date()
