from __future__ import annotations

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop


def test_cursors_lead_through_a_list_in_both_directions(shop: Shop) -> None:
    made = [shop.stripe.customers.create({"name": str(n)}).id for n in range(5)][::-1]
    first = shop.stripe.customers.list({"limit": 2})
    assert [item.id for item in first.data] == made[:2]
    assert (first.has_more, first.url) == (True, "/v1/customers")
    second = shop.stripe.customers.list({"limit": 3, "starting_after": made[1]})
    assert ([item.id for item in second.data], second.has_more) == (made[2:], False)
    back = shop.stripe.customers.list({"limit": 2, "ending_before": made[3]})
    assert ([item.id for item in back.data], back.has_more) == (made[1:3], True)


def test_the_sdk_pages_through_everything(shop: Shop) -> None:
    made = {shop.stripe.customers.create({}).id for _ in range(7)}
    found = shop.stripe.customers.list({"limit": 3}).auto_paging_iter()
    assert {item.id for item in found} == made


@pytest.mark.parametrize("limit", [0, 101])
def test_a_limit_is_between_1_and_100(shop: Shop, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.stripe.customers.list({"limit": limit})
    assert (refusal.value.code, refusal.value.param) == ("parameter_invalid_integer", "limit")


def test_a_cursor_must_exist_and_be_one(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.stripe.customers.list({"starting_after": "cus_none"})
    assert refusal.value.param == "starting_after"
    customer = shop.stripe.customers.create({}).id
    with pytest.raises(stripe.InvalidRequestError, match="only one"):
        shop.stripe.customers.list({"starting_after": customer, "ending_before": customer})


def test_lists_are_narrowed_by_time_of_creation(shop: Shop) -> None:
    shop.admin.set_clock(now=1_900_000_000, frozen=True)
    early = shop.stripe.customers.create({})
    shop.admin.set_clock(advance_s=100)
    late = shop.stripe.customers.create({})
    since = shop.stripe.customers.list({"created": {"gt": early.created}})
    assert [item.id for item in since.data] == [late.id]
    exactly = shop.stripe.customers.list({"created": early.created})
    assert [item.id for item in exactly.data] == [early.id]


def test_ids_are_replaced_by_objects_on_request(shop: Shop) -> None:
    customer = shop.customer()
    opened = shop.opened(customer.id)
    paid = shop.stripe.invoices.pay(
        opened.id,
        {"expand": ["customer", "payments.data.payment.payment_intent", "confirmation_secret"]},
    )
    assert paid.customer.email == "ada@example.org"
    intent = paid.payments.data[0].payment.payment_intent
    assert intent.status == "succeeded"
    assert paid.confirmation_secret.client_secret == intent.client_secret


def test_fields_that_are_not_expanded_are_absent(shop: Shop) -> None:
    invoice = shop.opened(shop.customer().id)
    with pytest.raises(AttributeError):
        _ = invoice.payments
    with pytest.raises(AttributeError):
        _ = invoice.confirmation_secret


def test_lists_expand_through_data(shop: Shop) -> None:
    shop.opened(shop.customer().id)
    listed = shop.stripe.invoices.list({"expand": ["data.customer", "data.payments"]})
    assert listed.data[0].customer.object == "customer"
    assert listed.data[0].payments.data[0].status == "open"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("customer", "may want to try expanding 'data.customer'"),
        ("data.number", "This property cannot be expanded (data.number)."),
        ("data.payments.data.payment.payment_intent", "more than 4 levels"),
    ],
)
def test_wrong_expansions_are_refused_even_on_empty_lists(
    shop: Shop, path: str, message: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.stripe.invoices.list({"expand": [path]})
    assert message in str(refusal.value)
