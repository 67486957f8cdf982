from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop


def refused(shop: Shop, invoice: str, line: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.stripe.invoices.add_lines(invoice, {"lines": [line]})
    return refusal.value


def test_lines_come_from_prices_described_prices_and_amounts(shop: Shop) -> None:
    draft = shop.draft(shop.customer().id)
    price = shop.price(1999)
    changed = shop.stripe.invoices.add_lines(
        draft.id,
        {
            "lines": [
                {"pricing": {"price": price.id}, "quantity": 2, "metadata": {"n": "1"}},
                {
                    "price_data": {
                        "currency": "eur",
                        "unit_amount": 300,
                        "product_data": {"name": "Mug"},
                    },
                    "quantity": 3,
                },
                {"amount": -500, "description": "Discount"},
            ]
        },
    )
    lines = changed.lines.data
    assert [line.amount for line in lines] == [3998, 900, -500]
    assert [line.description for line in lines] == ["Book", "Mug", "Discount"]
    assert lines[0].pricing.price_details.price == price.id
    assert lines[0].metadata.to_dict() == {"n": "1"}
    assert (changed.total, changed.amount_due, changed.status) == (4398, 4398, "draft")


def test_an_invoice_carries_ten_lines_and_lists_all(shop: Shop) -> None:
    draft = shop.draft(shop.customer().id, *range(1, 31))
    assert (len(draft.lines.data), draft.lines.has_more) == (10, True)
    listed = shop.stripe.invoices.line_items.list(draft.id, {"limit": 7}).auto_paging_iter()
    assert [line.amount for line in listed] == list(range(1, 31))
    too_many: Any = [{"amount": 1}] * 221
    with pytest.raises(stripe.InvalidRequestError, match="250"):
        shop.stripe.invoices.add_lines(draft.id, {"lines": too_many})


def test_lines_that_do_not_belong_are_refused_and_nothing_is_added(shop: Shop) -> None:
    draft = shop.draft(shop.customer().id)
    dollars, monthly = shop.price(1, "usd"), shop.price(recurring={"interval": "month"})
    inactive = shop.price(active=False)
    name = "lines[1][pricing][price]"
    for price, message in (
        (dollars.id, "currency"),
        (monthly.id, "type=recurring"),
        (inactive.id, "inactive"),
        ("price_none", "No such price"),
    ):
        lines: Any = [{"amount": 5}, {"pricing": {"price": price}}]
        with pytest.raises(stripe.InvalidRequestError, match=message) as refusal:
            shop.stripe.invoices.add_lines(draft.id, {"lines": lines})
        assert refusal.value.param == name
    assert shop.stripe.invoices.retrieve(draft.id).lines.data == []
    assert refused(shop, draft.id, {"amount": 5, "quantity": 2}).code == "parameters_exclusive"
    assert "exactly one" in str(refused(shop, draft.id, {"description": "free"}))
    too_much = {"pricing": {"price": shop.price(99_999_999).id}, "quantity": 2}
    assert refused(shop, draft.id, too_much).code == "amount_too_large"


def test_finalising_numbers_opens_and_makes_a_payment_intent(shop: Shop) -> None:
    customer = shop.customer()
    opened = shop.opened(customer.id, 1000)
    assert (opened.status, opened.attempt_count, opened.amount_remaining) == ("open", 0, 1000)
    assert opened.number == f"{customer.invoice_prefix}-0001"
    assert str(opened.hosted_invoice_url).startswith(shop.url)
    assert shop.opened(customer.id).number == f"{customer.invoice_prefix}-0002"
    listed = shop.stripe.invoice_payments.list({"invoice": opened.id})
    payment = shop.stripe.invoice_payments.retrieve(listed.data[0].id)
    assert (payment.status, payment.is_default, payment.amount_requested) == ("open", True, 1000)
    intent = shop.stripe.payment_intents.retrieve(str(payment.payment.payment_intent))
    assert (intent.status, intent.amount) == ("requires_payment_method", 1000)
    assert intent.payment_details.order_reference == opened.id
    by_intent = shop.stripe.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": intent.id}}
    )
    assert by_intent.data[0].invoice == opened.id
    with pytest.raises(stripe.InvalidRequestError, match="already finalized"):
        shop.stripe.invoices.finalize_invoice(opened.id)


def test_only_drafts_are_edited_and_deleted(shop: Shop) -> None:
    customer = shop.customer().id
    draft = shop.draft(customer, 1000)
    changed = shop.stripe.invoices.update(draft.id, {"footer": "Thanks", "auto_advance": True})
    assert (changed.footer, changed.auto_advance) == ("Thanks", True)
    # An hour after the update, which may be some seconds after the creation.
    assert 3600 <= changed.automatically_finalizes_at - changed.created <= 3700
    assert shop.stripe.invoices.delete(draft.id).deleted is True
    opened = shop.opened(customer)
    for change in (
        lambda: shop.stripe.invoices.update(opened.id, {"footer": "Late"}),
        lambda: shop.stripe.invoices.delete(opened.id),
        lambda: shop.stripe.invoices.add_lines(opened.id, {"lines": [{"amount": 1}]}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            change()  # type: ignore[no-untyped-call]
        assert refusal.value.code == "invoice_not_editable"
    marked = shop.stripe.invoices.update(opened.id, {"metadata": {"seen": "yes"}})
    assert marked.metadata.to_dict() == {"seen": "yes"}


def test_invoices_are_listed_by_customer_and_status(shop: Shop) -> None:
    ada, eve = shop.customer(), shop.customer()
    draft, opened = shop.draft(ada.id), shop.opened(ada.id)
    shop.draft(eve.id)
    listed = shop.stripe.invoices.list({"customer": ada.id})
    assert [item.id for item in listed.data] == [opened.id, draft.id]
    only = shop.stripe.invoices.list({"customer": ada.id, "status": "open"})
    assert [item.id for item in only.data] == [opened.id]
    assert shop.stripe.invoices.list({"subscription": "sub_none"}).data == []


def test_voiding_is_final_and_cancels_the_payment_intent(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    assert shop.stripe.invoices.void_invoice(opened.id).status == "void"
    intent = shop.stripe.payment_intents.list().data[0]
    assert (intent.status, intent.cancellation_reason) == ("canceled", "void_invoice")
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.invoices.pay(opened.id)
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.invoices.void_invoice(opened.id)


def test_an_uncollectible_invoice_can_still_be_paid(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    given_up = shop.stripe.invoices.mark_uncollectible(opened.id)
    assert given_up.status_details.uncollectible.reason == "user_forgiven"
    assert shop.stripe.invoices.pay(opened.id).status == "paid"
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.invoices.mark_uncollectible(opened.id)


def test_only_invoices_to_be_sent_are_sent(shop: Shop) -> None:
    customer = shop.customer().id
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.invoices.send_invoice(shop.opened(customer).id)
    with pytest.raises(stripe.InvalidRequestError, match="days_until_due"):
        shop.draft(customer, collection_method="send_invoice")
    draft = shop.draft(customer, 1000, collection_method="send_invoice", days_until_due=30)
    sent = shop.stripe.invoices.send_invoice(draft.id)
    assert sent.status == "open"
    assert sent.due_date == sent.status_transitions.finalized_at + 30 * 86400
    assert shop.event_types()[-1] == "invoice.sent"


def test_pending_items_are_included_only_on_request(shop: Shop) -> None:
    customer = shop.customer().id
    items = shop.stripe.invoice_items
    first = items.create({"customer": customer, "amount": 700, "currency": "eur"})
    items.create({"customer": customer, "pricing": {"price": shop.price(50).id}, "quantity": 6})
    dollars = items.create({"customer": customer, "amount": 5, "currency": "usd"})
    assert shop.draft(customer).lines.data == []
    gathered = shop.stripe.invoices.create(
        {"customer": customer, "currency": "eur", "pending_invoice_items_behavior": "include"}
    )
    assert [line.amount for line in gathered.lines.data] == [700, 300]
    assert items.retrieve(first.id).invoice == gathered.id
    assert [item.id for item in items.list({"pending": True}).data] == [dollars.id]
    assert len(items.list({"customer": customer, "invoice": gathered.id}).data) == 2


def test_items_on_a_draft_change_and_go_with_their_lines(shop: Shop) -> None:
    customer = shop.customer().id
    draft = shop.draft(customer)
    items = shop.stripe.invoice_items
    made = items.create({"customer": customer, "invoice": draft.id, "amount": 700})
    items.update(made.id, {"amount": 900, "description": "More"})
    changed = shop.stripe.invoices.retrieve(draft.id)
    assert (changed.total, changed.lines.data[0].description) == (900, "More")
    assert items.update(made.id, {"quantity": 2}).amount == 1800
    assert items.delete(made.id).deleted is True
    assert shop.stripe.invoices.retrieve(draft.id).total == 0
    opened = shop.opened(customer)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        items.create({"customer": customer, "invoice": opened.id, "amount": 1})
    assert refusal.value.code == "invoice_not_editable"


def test_a_pending_item_is_added_to_a_draft_by_its_id(shop: Shop) -> None:
    customer = shop.customer().id
    item = shop.stripe.invoice_items.create({"customer": customer, "amount": 7, "currency": "eur"})
    draft = shop.draft(customer)
    line: Any = {"invoice_item": item.id}
    assert shop.stripe.invoices.add_lines(draft.id, {"lines": [line]}).total == 7
    assert "not a pending item" in str(refused(shop, draft.id, line))


def test_a_type_of_payment_method_is_one_of_stripes(shop: Shop) -> None:
    draft = shop.draft(shop.customer().id)

    def restrict(kind: str) -> stripe.Invoice:
        settings: Any = {"payment_method_types": [kind]}
        return shop.stripe.invoices.update(draft.id, {"payment_settings": settings})

    assert restrict("sepa_debit").payment_settings.payment_method_types == ["sepa_debit"]
    with pytest.raises(stripe.InvalidRequestError, match="must be one of ach_credit") as refusal:
        restrict("PM_1")
    assert refusal.value.param == "payment_settings[payment_method_types][0]"
