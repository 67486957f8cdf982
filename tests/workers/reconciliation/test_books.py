"""`billhook reconcile books`: amounts agree to the cent, or the command names what differs."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from typer.testing import CliRunner, Result

from cli.books import COLUMNS, Line
from cli.reconcile import reconcile
from domain.core import metadata
from tests.support.canned_server import serve_canned
from tests.workers.history.imports import open_imports
from tests.workers.mollie_harness import MollieBench
from tests.workers.reconciliation.nets import DAY_S
from tests.workers.reconciliation.sealed_connection import connect, environment
from tests.workers.stripe_harness import Bench
from tests.workers.test_schedule import project
from workers.providers.retry import Span
from workers.providers.stripe.book_lists import Fee, StripeBookLists


def books(of: Bench | MollieBench, database: str, *more: str) -> Result:
    """Compare three days around today, by the bench's clock, once the read model has all events."""
    asyncio.run(project(database, of, until="invoices"))  # type: ignore[arg-type] # either has a log
    today = of.clock().date()
    days = ("--from", str(today - timedelta(days=1)), "--to", str(today + timedelta(days=2)))
    return CliRunner().invoke(
        reconcile,
        ["books", "--app", str(of.app_id), *days, "--format", "json", *more],
        env=environment(database, of.account.url),
    )


def amounts(ended: Result) -> dict[str, tuple[int, int]]:
    rows = json.loads(ended.stdout)
    assert {row["currency"] for row in rows} <= {"eur"}
    summed: dict[str, tuple[int, int]] = {}
    for row in rows:
        ours, theirs = summed.get(row["kind"], (0, 0))
        summed[row["kind"]] = (ours + row["oursMinor"], theirs + row["theirsMinor"])
    return summed


def test_stripes_books_agree_once_missed_refunds_and_disputes_are_known(
    bench: Bench,
    database: str,
) -> None:
    connect(bench)
    first, second, _open = (
        bench.charge(bench.request(bench.add_tenant(card)))
        for card in ("succeeds", "succeeds", "declined")
    )
    ended = books(bench, database)
    assert ended.exit_code == 0, ended.output
    assert amounts(ended) == {"charged": (3998, 3998)}

    bench.account.v1.refunds.create(
        {"payment_intent": first.view.payments[0].id or "", "amount": 500}
    )
    bench.account.admin.dispute(second.view.provider_object_id or "")
    bench.account.admin.forget_requests()
    ended = books(bench, database)
    assert ended.exit_code == 1
    assert "2 of 3 amounts differ" in ended.stderr
    assert amounts(ended) == {
        "charged": (3998, 3998),
        "refunded": (0, 500),
        "disputed": (0, 1999),
    }
    assert {one["method"] for one in bench.account.admin.requests()} == {"GET"}

    bench.deliver("refund.", "charge.")
    ended = books(bench, database)
    assert ended.exit_code == 0, ended.output
    assert amounts(ended) == {
        "charged": (3998, 3998),
        "refunded": (500, 500),
        "disputed": (1999, 1999),
    }
    shown = books(bench, database, "--format", "csv").stdout
    assert tuple(next(csv.reader(io.StringIO(shown)))) == COLUMNS


def test_mollies_books_agree_once_a_missed_payment_and_chargeback_are_known(
    mollie: MollieBench,
    database: str,
) -> None:
    connect(mollie)
    view, other = mollie.charged().view, mollie.charged().view
    for payment in (view.provider_object_id, other.provider_object_id):
        mollie.pay(payment)
    mollie.receive_webhook(view.provider_object_id)
    mollie.account.pay()  # of another system
    ended = books(mollie, database)
    assert ended.exit_code == 1
    assert amounts(ended) == {"charged": (1999, 3998)}

    mollie.receive_webhook(other.provider_object_id)
    mollie.account.admin.chargeback(view.provider_object_id or "")
    ended = books(mollie, database)
    assert ended.exit_code == 1
    assert amounts(ended) == {"charged": (3998, 3998), "disputed": (0, 1999)}

    mollie.receive_webhook(view.provider_object_id)
    ended = books(mollie, database)
    assert ended.exit_code == 0, ended.output
    assert amounts(ended) == {"charged": (3998, 3998), "disputed": (1999, 1999)}


def test_mollies_books_have_imported_payments(mollie: MollieBench, database: str) -> None:
    connect(mollie)
    payment = mollie.account.pay("12.34")
    mollie.pay(payment.id)
    with open_imports(database) as imports:
        assert imports.mollie(mollie).run(0).counts["invoices"] == {"new": 1}
    ended = books(mollie, database)
    assert ended.exit_code == 0, ended.output
    assert amounts(ended) == {"charged": (1234, 1234)}


def test_mollies_books_have_payments_of_invoices_that_a_restored_log_lost(
    mollie: MollieBench, database: str
) -> None:
    connect(mollie)
    ours = {metadata.APP: str(mollie.app_id), metadata.INVOICE: str(uuid4())}
    others = {metadata.APP: str(uuid4()), metadata.INVOICE: str(uuid4())}
    for names in (ours, others):
        mollie.pay(mollie.account.pay("12.34", metadata=names).id)
    ended = books(mollie, database)
    assert ended.exit_code == 1
    assert amounts(ended) == {"charged": (0, 1234)}


def pass_days(of: Bench | MollieBench, days: int) -> None:
    of.clock.added += timedelta(days=days)
    of.account.admin.set_clock(advance_s=days * DAY_S)


def test_an_invoice_that_is_paid_after_years_is_in_the_books_of_that_day(
    bench: Bench, database: str
) -> None:
    connect(bench)
    late = bench.charge(bench.request(bench.add_tenant("needs_authentication")))
    pass_days(bench, 800)
    bench.account.admin.confirm(late.view.provider_object_id or "")

    missed = books(bench, database)
    assert (missed.exit_code, amounts(missed)) == (1, {"charged": (0, 1999)})
    bench.deliver("invoice.")
    ended = books(bench, database)
    assert ended.exit_code == 0, ended.output
    assert amounts(ended) == {"charged": (1999, 1999)}
    recent = books(bench, database, "--look-back", "90")
    assert (recent.exit_code, amounts(recent)) == (1, {"charged": (1999, 0)})
    whole = str((bench.clock() - timedelta(days=1000)).date())
    ended = books(bench, database, "--from", whole)
    assert ended.exit_code == 0, ended.output
    assert amounts(ended) == {"charged": (1999, 1999)}


def test_stripes_fees_are_those_of_its_balance(bench: Bench, database: str) -> None:
    connect(bench)
    paid = [bench.charge(bench.request(bench.add_tenant())) for _ in range(2)]
    bench.account.v1.refunds.create({"payment_intent": paid[0].view.payments[0].id or ""})
    bench.deliver("refund.", "charge.")

    ended = books(bench, database, "--fees")

    assert ended.exit_code == 0, ended.output
    # 1.5 % and 25 cents of each charge; those of a refunded one are kept.
    charged = [one for one in bench.account.admin.ledger()["entries"] if one["kind"] == "charge"]
    assert [one["amount"] for one in charged] == [1999, 1999]
    fees = [row for row in json.loads(ended.stdout) if row["kind"] == "fees"]
    assert sum(row["theirsMinor"] for row in fees) == 2 * (30 + 25)
    assert {row["oursMinor"] for row in fees} == {None}


def test_fees_are_read_from_balance_transactions_and_not_compared() -> None:
    listed = {
        "object": "list",
        "has_more": False,
        "data": [
            {"id": "txn_1", "created": 1_767_225_600, "currency": "eur", "fee": 83, "amount": 1999},
            {"id": "txn_2", "created": 1_767_225_600, "currency": "eur", "fee": "unreadable"},
        ],
    }
    period = Span(start=1_767_225_600, end=1_767_312_000)
    with serve_canned() as canned:
        canned.answer(200, json.dumps(listed).encode())
        lists = StripeBookLists("sk_test_1", api_base=canned.url, mode="test")
        page = lists.fees(period, None)
        ((method, path, _),) = canned.requests
    assert (method, path.partition("?")[0]) == ("GET", "/v1/balance_transactions")
    assert page.items == [Fee(charged_at=1_767_225_600, currency="eur", amount_minor=83)]
    assert page.unreadable == 1
    line = Line(
        day=datetime(2026, 1, 1, tzinfo=UTC).date(),
        connection="stripe-1",
        mode="live",
        currency="eur",
        kind="fees",
        ours_minor=None,
        theirs_minor=83,
    )
    assert line.difference_minor is None
