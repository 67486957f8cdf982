"""Test creation of subscriptions: paid, incomplete, expired, on trial, sent; and lists."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.subscription_helpers import DAY_S, Club, items_of, moment, period_of
from tests.support import plain_http


def test_the_first_invoice_is_finalised_and_charged_at_once(club: Club) -> None:
    tax = club.shop.rate(19, inclusive=False).id
    made = club.member(
        club.plan(1000),
        quantity=3,
        default_tax_rates=[tax],
        metadata={"order": "7"},
        invoice_settings={"footer": "Thank you.", "description": "Membership"},
        expand=["latest_invoice.payments"],
    )
    assert (made.status, made.billing_mode.type) == ("active", "flexible")
    assert period_of(made) == (moment(2027, 1, 15), moment(2027, 2, 15))
    invoice: Any = made.latest_invoice
    assert (invoice.billing_reason, invoice.status, invoice.total) == (
        "subscription_create", "paid", 3570,
    )  # fmt: skip
    assert (invoice.footer, invoice.description) == ("Thank you.", "Membership")
    details = invoice.parent.subscription_details
    assert (details.subscription, details.metadata.to_dict()) == (made.id, {"order": "7"})
    line = invoice.lines.data[0]
    assert (line.amount, line.quantity, line.subscription) == (3000, 3, made.id)
    assert (line.period.start, line.period.end) == period_of(made)
    assert line.parent.subscription_item_details.subscription_item == items_of(made)[0].id
    assert len(invoice.payments.data) == 1
    assert club.admin.ledger()["by_invoice"] == {invoice.id: 3570}


def test_the_first_events_are_sent_in_stripes_order(club: Club) -> None:
    customer, plan = club.shop.customer().id, club.plan()
    club.later(1)
    club.subscribe(customer, plan)
    assert club.types_since(moment(2027, 1, 15) + 1) == [
        "customer.subscription.created",
        "invoice.created",
        "payment_intent.created",
        "invoice.finalized",
        "customer.updated",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
    ]
    changed: Any = club.stripe.events.list({"type": "customer.subscription.updated"}).data[0]
    assert changed.data.previous_attributes.to_dict() == {"status": "incomplete"}


@pytest.mark.parametrize(
    ("card", "off_session", "intent_status"),
    [
        pytest.param("pm_card_chargeDeclined", True, "requires_payment_method", id="declined"),
        pytest.param(
            "pm_card_authenticationRequired", True, "requires_payment_method", id="off-session"
        ),
        pytest.param("pm_card_authenticationRequired", False, "requires_action", id="on-session"),
    ],
)
def test_an_unpaid_first_invoice_leaves_the_subscription_incomplete(
    club: Club, card: str, *, off_session: bool, intent_status: str
) -> None:
    made = club.member(card=card, off_session=off_session, payment_behavior="allow_incomplete")
    expanded: Any = {"expand": ["payments"]}
    invoice: Any = club.stripe.invoices.retrieve(str(made.latest_invoice), expanded)
    assert (made.status, invoice.status, invoice.attempt_count) == ("incomplete", "open", 1)
    assert (invoice.auto_advance, invoice.next_payment_attempt) == (False, None)
    payment = invoice.payments.data[0].payment
    intent = club.stripe.payment_intents.retrieve(str(payment.payment_intent))
    assert intent.status == intent_status
    assert club.admin.ledger()["entries"] == []


def test_23_hours_later_an_incomplete_subscription_has_expired(club: Club) -> None:
    made = club.member(card="pm_card_chargeDeclined")
    club.later(23 * 3600 - 1)
    assert club.now(made).status == "incomplete"
    club.later(1)
    assert club.now(made).status == "incomplete_expired"
    assert club.latest(made).status == "void"
    club.later(90 * DAY_S)
    assert len(club.invoices(made)) == 1
    with pytest.raises(stripe.InvalidRequestError):
        club.stripe.subscriptions.update(made.id, {"cancel_at_period_end": True})


def test_the_customer_completes_the_beginning_on_the_hosted_page(club: Club) -> None:
    made = club.member(card="pm_card_authenticationRequiredOnSetup")
    page = str(club.latest(made).hosted_invoice_url)
    plain_http.post(f"{page}/confirm")
    assert club.now(made).status == "active"
    club.later(23 * 3600)
    assert club.now(made).status == "active"
    club.go_to(moment(2027, 2, 15, 14))
    assert [invoice.status for invoice in club.invoices(made)] == ["paid", "paid"]


def test_another_card_completes_the_first_payment_and_becomes_the_default(club: Club) -> None:
    settings = {"save_default_payment_method": "on_subscription"}
    made = club.member(card="pm_card_chargeDeclined", payment_settings=settings)
    good = club.stripe.payment_methods.attach("pm_card_visa", {"customer": str(made.customer)})
    club.stripe.invoices.pay(str(made.latest_invoice), {"payment_method": good.id})
    after = club.now(made)
    assert (after.status, after.default_payment_method) == ("active", good.id)


def test_error_if_incomplete_makes_nothing(club: Club) -> None:
    plan = club.plan()
    for card, code in (
        ("pm_card_chargeDeclined", "card_declined"),
        ("pm_card_authenticationRequired", "authentication_required"),
    ):
        customer = club.shop.customer(card).id
        with pytest.raises(stripe.CardError) as refusal:
            club.subscribe(customer, plan, payment_behavior="error_if_incomplete")
        assert (refusal.value.http_status, refusal.value.code) == (402, code)
        assert club.stripe.subscriptions.list({"customer": customer, "status": "all"}).data == []
        assert club.stripe.invoices.list({"customer": customer}).data == []


def test_default_incomplete_waits_for_a_confirmation(club: Club) -> None:
    customer = club.shop.customer(None).id
    made = club.subscribe(customer, club.plan(), payment_behavior="default_incomplete")
    assert made.status == "incomplete"
    method = club.stripe.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    club.stripe.invoices.pay(str(made.latest_invoice), {"payment_method": method})
    assert club.now(made).status == "active"


def test_without_a_payment_method_nothing_begins(club: Club) -> None:
    customer = club.shop.customer(None).id
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source") as refusal:
        club.subscribe(customer, club.plan())
    assert refusal.value.code == "resource_missing"
    assert club.stripe.subscriptions.list({"status": "all"}).data == []


def test_a_trial_costs_nothing_and_has_its_end(club: Club) -> None:
    made = club.member(trial_period_days=14)
    end = moment(2027, 1, 29)
    assert (made.status, made.trial_end, made.billing_cycle_anchor) == ("trialing", end, end)
    first = club.latest(made)
    assert (first.status, first.total, first.billing_reason) == ("paid", 0, "subscription_create")
    assert str(first.lines.data[0].description).startswith("Trial period for")
    club.go_to(moment(2027, 1, 26))
    assert club.shop.event_types()[-1] == "customer.subscription.trial_will_end"
    club.go_to(end)
    assert club.now(made).status == "active"
    club.go_to(moment(2027, 1, 29, 13))
    assert [(item.status, item.total) for item in club.invoices(made)] == [
        ("paid", 0), ("paid", 1000),
    ]  # fmt: skip
    assert period_of(club.now(made)) == (end, moment(2027, 2, 28))


@pytest.mark.parametrize(
    ("missing", "status", "event"),
    [
        ("cancel", "canceled", "customer.subscription.deleted"),
        ("pause", "paused", "customer.subscription.paused"),
        ("create_invoice", "past_due", "invoice.payment_failed"),
    ],
)
def test_a_trial_that_ends_without_a_payment_method(
    club: Club, missing: str, status: str, event: str
) -> None:
    settings = {"end_behavior": {"missing_payment_method": missing}}
    customer = club.shop.customer(None).id
    made = club.subscribe(customer, club.plan(), trial_period_days=5, trial_settings=settings)
    club.later(5 * DAY_S + 2 * 3600)
    assert club.now(made).status == status
    assert event in club.shop.event_types()


def test_a_subscription_that_is_sent_begins_unpaid(club: Club) -> None:
    customer = club.shop.customer(None).id
    made = club.subscribe(
        customer, club.plan(), collection_method="send_invoice", days_until_due=14
    )
    invoice = club.latest(made)
    assert (made.status, invoice.status) == ("active", "open")
    assert invoice.due_date == moment(2027, 1, 29)


def test_subscriptions_are_found_by_customer_status_and_price(club: Club) -> None:
    plan, other = club.plan(), club.plan(500)
    active = club.member(plan)
    canceled = club.subscribe(str(active.customer), other)
    club.stripe.subscriptions.cancel(canceled.id)
    incomplete = club.member(plan, card="pm_card_chargeDeclined")

    def found(**given: Any) -> set[str]:
        params: Any = given
        return {item.id for item in club.stripe.subscriptions.list(params).data}

    assert found() == {active.id, incomplete.id}
    assert found(status="all") == {active.id, incomplete.id, canceled.id}
    assert found(status="canceled") == found(status="ended") == {canceled.id}
    assert found(customer=str(active.customer), status="all") == {active.id, canceled.id}
    assert found(price=plan) == {active.id, incomplete.id}
    assert found(created={"gt": moment(2027, 1, 15)}) == set()


def test_what_fits_no_subscription_is_refused(club: Club) -> None:
    customer = club.shop.customer().id
    monthly = club.plan()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"items": [{"price": club.shop.price().id}]}, "items[0][price]"),
        ({"items": [{"price": "price_none"}]}, "items[0][price]"),
        ({"items": [{"price": monthly}, {"price": club.plan(5, "year")}]}, "items"),
        ({"items": [{"price": monthly}, {"price": club.plan(5, currency="usd")}]}, "items"),
        ({"items": [{"price": monthly}], "billing_cycle_anchor": 1}, "billing_cycle_anchor"),
        ({"items": [{"price": monthly}], "wrong": "1"}, "wrong"),
        ({"items": [{"price": monthly}], "default_payment_method": "pm_x"},
         "default_payment_method"),
        ({"items": [{"price": monthly}], "trial_end": "soon"}, "trial_end"),
        ({"items": []}, "items"),
    ]  # fmt: skip
    for given, param in wrong:
        params: Any = {"customer": customer, **given}
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            club.stripe.subscriptions.create(params)
        assert refusal.value.param == param
    assert club.stripe.subscriptions.list({"status": "all"}).data == []


def test_everything_around_a_subscription_can_be_expanded(club: Club) -> None:
    made = club.member()
    found: Any = club.stripe.subscriptions.retrieve(
        made.id, {"expand": ["customer", "latest_invoice.payments", "items.data.price.product"]}
    )
    assert found.customer.email == "ada@example.org"
    assert found.latest_invoice.payments.data[0].status == "paid"
    assert found["items"].data[0].price.product.name == "Book"
    invoice: Any = club.stripe.invoices.retrieve(
        found.latest_invoice.id, {"expand": ["parent.subscription_details.subscription"]}
    )
    assert invoice.parent.subscription_details.subscription.id == made.id
