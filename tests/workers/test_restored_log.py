"""Requests that are repeated where a restored log lost their calls, and the keys are forgotten.

A call that is not looked up first is made a second time: the provider no longer knows its key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from domain.billing import Billing
from domain.gateway.setups import SetupSession
from domain.invoices.commands import RequestCapture, RequestRefund, RequestRetry
from domain.invoices.refunds import parts_of_refund
from eventlog import persistence
from eventlog.log import Log
from tests.workers.invoices.test_refund_split import (
    back_at_stripe,
    of_payments,
    paid_in_parts,
    request_refund,
    run,
)
from tests.workers.mollie_harness import MollieBench
from tests.workers.payments import test_mollie_mandate_setup as mollie_setups
from tests.workers.stripe_harness import Bench
from tests.workers.stripe_setup_helpers import do, request_setup
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from workers.runtime import open_billing

# Longer than any provider remembers a key.
_LATER = timedelta(days=2)
_SHOES = {"name": "Shoes", "amount_minor": 5000, "currency": "eur"}
_IN_LOST_LOG = "lost"


@contextmanager
def losing_events(bench: Bench | MollieBench) -> Iterator[None]:
    """Lose what the block records: the log is the backup again, two days later."""
    backup_at, position = bench.clock(), bench.log.head()
    kept = bench.log, bench.billing
    bench.log, bench.billing = _opened(bench.log.dsn)
    yield
    bench.log.close()
    bench.log, bench.billing = kept
    with psycopg.connect(bench.log.dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM eventlog.events WHERE position > %s", [position])
    bench.keys = replace(bench.keys, backup_at=backup_at)
    bench.clock.added += _LATER
    bench.account.admin.set_clock(advance_s=_LATER.total_seconds())


def _opened(dsn: str) -> tuple[Log, Billing]:
    log = Log.open(dsn)
    return log, open_billing(log, name=_IN_LOST_LOG)


@pytest.fixture(autouse=True)
def _log_of_lost_events() -> Iterator[None]:
    yield
    persistence.register(_IN_LOST_LOG, None)


@pytest.mark.parametrize("card", ["succeeds", "declined"])
def test_an_invoice_is_charged_once_at_stripe(bench: Bench, card: str) -> None:
    invoice_id = bench.request(bench.add_tenant(card))
    with losing_events(bench):
        before = bench.charge(invoice_id).view

    after = bench.charge(invoice_id).view

    assert after.provider_object_id == before.provider_object_id
    assert (after.status, after.total_minor) == (before.status, 1999)
    assert bench.account.charged() == ([1999] if card == "succeeds" else [])
    assert len(bench.account.v1.invoices.list().data) == 1


def test_the_invoice_is_found_beside_a_later_copy_of_it(bench: Bench) -> None:
    tenant_id = bench.add_tenant()
    invoice_id = bench.request(tenant_id)
    with losing_events(bench):
        before = bench.charge(invoice_id).view
        bench.account.admin.set_clock(advance_s=60)
        made = bench.account.v1.invoices.retrieve(before.provider_object_id or "")
        assert made.metadata is not None
        bench.account.v1.invoices.create(
            {"customer": before.customer or "", "metadata": made.metadata.to_dict()}
        )

    after = bench.charge(invoice_id).view

    assert (after.provider_object_id, after.status) == (before.provider_object_id, "paid")
    assert bench.account.charged() == [1999]


@pytest.mark.parametrize("jobs_run", ["all", "first", "others"])
def test_a_refund_of_several_payments_is_made_once(bench: Bench, jobs_run: str) -> None:
    invoice_id, payments = paid_in_parts(bench)
    refund_id = request_refund(bench, invoice_id, amount_minor=1000)
    with losing_events(bench):
        refund, bench.gateway.refund = bench.gateway.refund, _killed
        with pytest.raises(ProcessLookupError):
            bench.refund(invoice_id, refund_id)
        bench.gateway.refund = refund
        first, *others = parts_of_refund(bench.invoice(invoice_id).view, refund_id)
        for part in {"all": [first, *others], "first": [first], "others": others}[jobs_run]:
            bench.refund(invoice_id, UUID(part.id))

    assert of_payments(run(bench, invoice_id, refund_id)) == [
        (payments[0], 700, "succeeded", True),
        (payments[1], 300, "succeeded", True),
    ]
    assert back_at_stripe(bench, payments) == [700, 300, 0]


def test_lines_that_were_not_added_are_added_to_the_same_draft(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant())
    with losing_events(bench):
        add_lines, bench.gateway.add_lines = bench.gateway.add_lines, _killed
        with pytest.raises(ProcessLookupError):
            bench.charge(invoice_id)
    bench.gateway.add_lines = add_lines

    assert bench.charge(invoice_id).view.status == "paid"

    assert bench.account.charged() == [1999]
    assert len(bench.account.v1.invoices.list().data) == 1


def _killed(*_: object, **__: object) -> None:
    raise ProcessLookupError


def test_a_subscription_is_started_once_at_stripe(bench: Bench) -> None:
    price = bench.account.add_price(1999, recurring={"interval": "month"})
    invoice_id = bench.subscribe(bench.add_tenant(), price)
    with losing_events(bench):
        before = bench.charge(invoice_id).view

    after = bench.charge(invoice_id).view

    assert (after.status, after.subscription_id) == ("paid", before.subscription_id)
    assert bench.subscription(invoice_id).view.status == "active"
    assert bench.account.charged() == [1999]


def test_a_refund_is_made_once_at_stripe(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant())
    bench.charge(invoice_id)
    request_id = bench.request_action(invoice_id, RequestRefund, amount_minor=500)
    with losing_events(bench):
        bench.refund(invoice_id, request_id)

    assert bench.refund(invoice_id, request_id).view.amount_refunded_minor == 500

    entries = bench.account.admin.ledger()["entries"]
    assert [entry["amount"] for entry in entries if entry["kind"] == "refund"] == [500]


def test_a_customer_and_its_page_are_made_once_at_stripe(bench: Bench) -> None:
    setup_id = request_setup(bench, bench.add_tenant(linked=False))
    with losing_events(bench):
        before = do(bench, setup_id).view

    # The page has expired meanwhile: there is another one, of the same customer.
    after = do(bench, setup_id).view

    assert (after.status, after.customer) == ("open", before.customer)
    assert after.session_id != before.session_id
    assert len(bench.account.v1.customers.list().data) == 1


def test_a_new_page_is_opened_under_one_key_by_two_workers_at_stripe(bench: Bench) -> None:
    setup_id = request_setup(bench, bench.add_tenant())
    with losing_events(bench):
        pass
    open_page = bench.gateway.open_setup

    def beside_another(*args: Any, **named: Any) -> SetupSession:
        bench.gateway.open_setup = open_page
        do(bench, setup_id)
        return open_page(*args, **named)

    bench.gateway.open_setup = beside_another

    assert do(bench, setup_id).view.status == "open"

    assert len(bench.account.v1.checkout.sessions.list().data) == 1


@pytest.mark.parametrize("outcome", ["paid", "failed"])
def test_an_invoice_has_one_payment_at_mollie(mollie: MollieBench, outcome: str) -> None:
    invoice_id = mollie.request()
    with losing_events(mollie):
        before = mollie.charge(invoice_id).view
        mollie.pay(before.provider_object_id, outcome)

    after = mollie.charge(invoice_id).view

    assert after.provider_object_id == before.provider_object_id
    assert [payment["id"] for payment in mollie.payments()] == [before.provider_object_id]
    assert after.status == outcome
    assert len(list(mollie.account.client.customers.list())) == 1


def test_an_expired_payment_is_followed_by_another_one_at_mollie(mollie: MollieBench) -> None:
    invoice_id = mollie.request()
    with losing_events(mollie):
        before = mollie.charge(invoice_id).view

    after = mollie.charge(invoice_id).view

    assert after.status == before.status
    assert after.provider_object_id != before.provider_object_id
    assert mollie.account.get(before.provider_object_id or "").status == "expired"


def test_a_retry_creates_one_payment_at_mollie(mollie: MollieBench) -> None:
    invoice_id = mollie.request()
    first = mollie.charge(invoice_id).view.provider_object_id
    mollie.pay(first, "failed")
    mollie.receive_webhook(first)
    mollie.request_action(invoice_id, RequestRetry)
    with losing_events(mollie):
        second = mollie.charge(invoice_id).view.provider_object_id
        mollie.pay(second, "paid")

    after = mollie.charge(invoice_id).view

    assert (after.status, after.paid_by_object) == ("paid", second)
    assert len(mollie.payments()) == 2
    assert mollie.account.charged() == [after.total_minor]


def test_a_part_is_captured_once_at_mollie(mollie: MollieBench) -> None:
    invoice_id = mollie.request(_SHOES, payment_method="klarna")
    payment_id = mollie.charge(invoice_id).view.provider_object_id
    mollie.pay(payment_id, "authorized")
    mollie.receive_webhook(payment_id)
    mollie.request_action(invoice_id, RequestCapture, amount_minor=2000)
    with losing_events(mollie):
        mollie.charge(invoice_id)

    after = mollie.charge(invoice_id).view

    assert after.amount_paid_minor == 2000
    assert mollie.account.charged() == [2000]


def test_a_subscription_is_started_once_at_mollie(mollie: MollieBench) -> None:
    recurring = Recurring(mollie)
    invoice = recurring.request()
    with losing_events(mollie):
        recurring.pay(invoice)
        before = recurring.start(invoice)
    recurring.receive_webhook(invoice.view.provider_object_id or "")

    after = recurring.start(invoice)

    assert after.provider_subscription_id == before.provider_subscription_id
    assert len(recurring.there()) == 1


def test_a_method_is_left_once_at_mollie(mollie: MollieBench) -> None:
    setup_id = mollie_setups.request_setup(mollie)
    with losing_events(mollie):
        mollie_setups.do(mollie, setup_id)
        (payment,) = mollie.payments()
        mollie.pay(payment["id"], method="creditcard")

    after = mollie_setups.do(mollie, setup_id)

    assert (after.status, after.session_id) == ("submitted", payment["id"])
    assert len(mollie.payments()) == 1
