"""Test objects made in the dashboard, and years of invoices made at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.stripe.subscription_helpers import Club, moment


@pytest.fixture
def club(shop: Shop) -> Club:
    return Club(shop)


@pytest.mark.parametrize(
    ("collect", "status"), [("now", "paid"), ("later", "draft"), ("send", "open")]
)
def test_an_invoice_by_hand_has_none_of_our_marks(club: Club, collect: str, status: str) -> None:
    customer = club.shop.customer().id
    made = club.admin.make_invoice(customer, amount=4200, collect=collect)
    invoice: Any = club.stripe.invoices.retrieve(made["id"])
    assert (invoice.status, invoice.total) == (status, 4200)
    assert (invoice.billing_reason, invoice.metadata.to_dict()) == ("manual", {})
    event: Any = club.stripe.events.list({"type": "invoice.created"}).data[0]
    assert (event.data.object.id, event.request.idempotency_key) == (invoice.id, None)
    club.later(3600)
    after = club.stripe.invoices.retrieve(made["id"])
    assert after.status == ("open" if collect == "send" else "paid")


def test_a_subscription_by_hand_has_none_of_our_marks(club: Club) -> None:
    customer = club.shop.customer().id
    made = club.admin.make_subscription(customer, club.plan(700), quantity=2)
    found = club.stripe.subscriptions.retrieve(made["id"])
    assert (found.status, found.metadata.to_dict()) == ("active", {})
    club.go_to(moment(2027, 2, 15, 13))
    assert club.admin.ledger()["totals"] == {"eur": 2800}


def test_a_history_agrees_with_the_ledger(club: Club) -> None:
    made = club.admin.make_history(
        300, customers=7, since=moment(2025, 1, 1), until=moment(2026, 12, 31), failed=0.1,
        refunded=0.1, seed=3,
    )  # fmt: skip
    invoices = list(club.stripe.invoices.list({"limit": 100}).auto_paging_iter())
    assert Counter(invoice.status for invoice in invoices) == {
        "paid": made["paid"], "open": made["failed"],
    }  # fmt: skip
    assert [invoice.created for invoice in invoices] == sorted(
        (invoice.created for invoice in invoices), reverse=True
    )
    assert moment(2025, 1, 1) <= invoices[-1].created <= invoices[0].created < moment(2027, 1, 1)
    assert len(list(club.stripe.customers.list({"limit": 100}).auto_paging_iter())) == 7
    ledger = club.admin.ledger()
    kinds = Counter(entry["kind"] for entry in ledger["entries"])
    assert kinds == {"charge": made["paid"], "refund": made["refunded"]}
    assert ledger["totals"] == {"eur": made["net_amount"]}
    charges: list[stripe.Charge] = list(club.stripe.charges.list({"limit": 100}).auto_paging_iter())
    came_in = sum(charge.amount_captured - charge.amount_refunded for charge in charges)
    assert came_in == made["net_amount"]
    assert club.shop.event_types() == []
    assert made["refunded"] > 0 < made["failed"]


def test_the_same_seed_makes_the_same_history(club: Club, sandbox: Any) -> None:
    other = Shop(sandbox)
    span = {"since": moment(2026, 1, 1), "until": moment(2026, 2, 1), "seed": 9}
    assert club.admin.make_history(50, **span) == other.admin.make_history(50, **span)


def test_what_is_no_history_is_refused(club: Club) -> None:
    for given in ({"invoices": 0}, {"invoices": 10_001}, {"invoices": 1, "failed": 2}):
        with pytest.raises(RuntimeError, match="400"):
            club.admin.make_history(**given)


def test_a_refusal_names_the_field_and_what_it_must_be(club: Club) -> None:
    with pytest.raises(RuntimeError, match="400") as refused:
        club.admin.make_history(invoices=1, since="2026-01-01")
    assert "since: Input should be a valid integer" in str(refused.value)
    assert "pydantic" not in str(refused.value)
