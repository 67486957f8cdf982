"""Revisions, and what else is made in the dashboard: edits, deletions, schedules; refusals."""

from __future__ import annotations

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.stripe.subscription_helpers import Club


def test_a_revision_replaces_its_invoice(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id, 1000, 500, metadata={"order": "7"})
    revised = shop.admin.revise(opened.id, amount=-300)
    assert revised["from_invoice"] == {"action": "revision", "invoice": opened.id}
    assert (revised["status"], revised["total"]) == ("open", 1200)
    assert revised["metadata"] == {"order": "7"}
    before = shop.stripe.invoices.retrieve(opened.id)
    assert (before.status, before.latest_revision) == ("void", revised["id"])
    shop.stripe.invoices.pay(revised["id"])
    assert shop.admin.ledger()["by_invoice"] == {revised["id"]: 1200}
    source = {"action": "revision", "invoice": revised["id"]}
    with pytest.raises(stripe.InvalidRequestError, match="only revise an open invoice"):
        shop.stripe.invoices.create({"from_invoice": source})


def test_a_revision_is_a_draft_first(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id, 1000)
    source = {"action": "revision", "invoice": opened.id}
    draft = shop.stripe.invoices.create({"from_invoice": source})
    assert (draft.status, draft.total, len(draft.lines.data)) == ("draft", 1000, 1)
    assert shop.stripe.invoices.retrieve(opened.id).status == "open"
    shop.stripe.invoices.finalize_invoice(draft.id)
    assert shop.stripe.invoices.retrieve(opened.id).status == "void"


def test_a_revised_subscription_invoice_stays_the_latest(shop: Shop) -> None:
    club = Club(shop)
    member = club.member(collection_method="send_invoice", days_until_due=7)
    revised = shop.admin.revise(str(member.latest_invoice), amount=-100)
    assert (revised["total"], club.now(member).latest_invoice) == (900, revised["id"])
    assert revised["parent"]["subscription_details"]["subscription"] == member.id


def test_customers_are_edited_and_deleted_by_hand(shop: Shop) -> None:
    customer = shop.customer().id
    assert shop.admin.edit_customer(customer, email="b@example.org")["email"] == "b@example.org"
    assert shop.admin.delete_customer(customer)["deleted"] is True
    assert shop.event_types()[-2:] == ["payment_method.detached", "customer.deleted"]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.stripe.customers.update(customer, {"name": "Ada"})
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.stripe.invoices.create({"customer": customer})
    assert (caught.value.http_status, caught.value.code) == (400, "resource_missing")


def test_a_foreign_schedule_ends_its_subscription(shop: Shop) -> None:
    club = Club(shop)
    member = club.member()
    schedule = shop.admin.schedule(member.id, price=club.plan(2000))
    assert (schedule["end_behavior"], len(schedule["phases"])) == ("cancel", 2)
    assert club.now(member).schedule == schedule["id"]
    club.later(65 * 86400)
    assert club.now(member).status == "canceled"


@pytest.mark.parametrize(
    "email", ["a@example..com", "a@", "@example.com", "a b@example.com", "a@example", ".a@b.com"]
)
def test_wrong_addresses_are_refused(shop: Shop, email: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.stripe.customers.create({"email": email})
    assert (caught.value.code, caught.value.param) == ("email_invalid", "email")


def test_a_subscriber_keeps_its_currency(shop: Shop) -> None:
    club = Club(shop)
    member = club.member()
    dollars = club.plan(currency="usd")
    with pytest.raises(stripe.InvalidRequestError, match="cannot combine currencies"):
        club.subscribe(str(member.customer), dollars)
    shop.stripe.subscriptions.cancel(member.id)
    assert club.subscribe(str(member.customer), dollars).currency == "usd"


@pytest.mark.parametrize(("amount", "currency"), [(50_050, "isk"), (99_999_999 + 1, "eur")])
def test_an_invoice_of_an_impossible_amount_is_not_finalised(
    shop: Shop, amount: int, currency: str
) -> None:
    draft = shop.draft(shop.customer().id, amount // 2, amount - amount // 2, currency=currency)
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.invoices.finalize_invoice(draft.id)
    assert shop.stripe.invoices.retrieve(draft.id).status == "draft"
