"""Facts of the providers' subscriptions, through the API; sums equal the sandbox's ledger.

Each case has a currency of its own, so that the reports of that currency are its sums alone.
"""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

from tests.e2e.made_by_hand import MONTHLY, Shop, done, refusal, require_sums, send
from tests.support.mollie_account import MollieAccount
from tests.support.stripe_account import Account
from tests.support.system import Caller, Json, eventually


def test_monthly_amounts_come_from_the_prices_own_fields(caller: Caller, account: Account) -> None:
    shop = Shop(caller, account, "hkd")
    decimal = shop.price(unit_amount_decimal="0.5", recurring=MONTHLY)
    unused = shop.price(unit_amount=1999, recurring=MONTHLY)
    metered = shop.price(unit_amount=500, recurring=MONTHLY | {"usage_type": "metered"})
    tier: Json = {"billing_scheme": "tiered", "tiers_mode": "graduated"}
    tiers = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 50}]
    tiered = shop.price(**tier, tiers=tiers, recurring=MONTHLY)
    made = shop.subscribe(
        {"price": decimal, "quantity": 10_000},
        {"price": unused, "quantity": 0},
        {"price": metered},
        {"price": tiered, "quantity": 12},
    )
    shown = shop.subscription(made, status="active")
    assert shown["monthlyMinor"] == 5000 + 1100
    lines = {line["price"]: line for line in shown["lineItems"]}
    assert (lines[metered]["quantity"], lines[metered]["usageBased"]) == (None, True)
    assert lines[unused]["quantity"] == 0
    require_sums(caller, account, "hkd", monthly=6100)

    change = {"lineItems": [{"price": decimal, "quantity": 20_000}], "when": "periodEnd"}
    done(send(caller, "POST", f"/subscriptions/{shown['id']}/change", change))
    schedule = account.v1.subscriptions.retrieve(made, {"expand": ["schedule"]}).schedule
    present = cast("Any", schedule).phases[0]["items"]
    assert sorted(one["quantity"] or 0 for one in present) == [0, 0, 12, 10_000]


def test_a_schedule_of_others_is_shown_and_kept(caller: Caller, account: Account) -> None:
    shop = Shop(caller, account, "czk")
    price, later = (shop.price(unit_amount=amount, recurring=MONTHLY) for amount in (1999, 2999))
    made = shop.subscribe({"price": price})
    account.admin.schedule(made, price=later, end_behavior="cancel")
    phases: Json = {"lineItems": [{"price": later, "quantity": 1}]}
    shown = eventually(lambda: scheduled(shop, made))
    assert shown["scheduledPhases"] == [phases | {"startsAt": shown["periodEnd"]}]
    assert shown["cancelAt"] > shown["periodEnd"]
    for when in ("now", "periodEnd"):
        change = {"lineItems": [{"price": price, "quantity": 2}], "when": when}
        answer = send(caller, "POST", f"/subscriptions/{shown['id']}/change", change)
        assert refusal(answer)[2] == "scheduled_elsewhere"
    assert account.v1.subscriptions.retrieve(made).schedule is not None
    require_sums(caller, account, "czk", monthly=1999)


def scheduled(shop: Shop, made: str) -> Json:
    shown = shop.subscription(made)
    return shown if shown["scheduledPhases"] else {}


def test_a_change_with_the_next_period_is_refused_after_a_cancellation(
    caller: Caller, account: Account
) -> None:
    shop = Shop(caller, account, "gbp")
    price = shop.price(unit_amount=1999, recurring=MONTHLY)
    shown = shop.subscription(shop.subscribe({"price": price}), status="active")
    path = f"/subscriptions/{shown['id']}"
    ending = done(send(caller, "POST", f"{path}/cancel", {"atPeriodEnd": True}))
    assert ending["cancelAt"] == ending["periodEnd"]
    change = {"lineItems": [{"price": price, "quantity": 2}], "when": "periodEnd"}
    assert refusal(send(caller, "POST", f"{path}/change", change)) == (400, "when", "ending")
    require_sums(caller, account, "gbp", monthly=1999)


def test_a_subscription_whose_customer_was_deleted_at_mollie_ends_at_once(
    caller: Caller, mollie: MollieAccount
) -> None:
    tenant = str(uuid4())
    done(send(caller, "PUT", f"/tenants/{tenant}", {"name": "Ada"}))
    line = {"name": "Pro", "price": caller.demo["prices"]["monthly"]}
    body = {"tenantUuid": tenant, "lineItems": [line], "type": "subscription"}
    path = f"/tenants/{tenant}/payment-providers/mollie/invoices"
    first = done(send(caller, "POST", path, body))
    mollie.at_checkout(mollie.get(first["providerObjectId"]), "paid", method="creditcard")

    def started() -> Json | None:
        found = caller.get(f"/tenants/{tenant}/subscriptions")["items"]
        return found[0] if found and found[0]["status"] == "active" else None

    shown = cast("Json", eventually(started))
    mollie.client.customers.delete(shown["customer"])
    answer = send(caller, "POST", f"/subscriptions/{shown['id']}/cancel", {"atPeriodEnd": False})
    assert (done(answer)["status"], done(answer)["monthlyMinor"] >= 0) == ("canceled", True)
    assert caller.get("/work", state="gave_up")["items"] == []


def test_a_price_is_read_in_the_subscriptions_currency(caller: Caller, account: Account) -> None:
    shop = Shop(caller, account, "sgd")
    both: Any = {"currency": "eur", "unit_amount": 1000, "product": account.product}
    both |= {"recurring": MONTHLY, "currency_options": {"sgd": {"unit_amount": 1700}}}
    price = account.v1.prices.create(both).id
    given: Any = {"customer": shop.customer, "items": [{"price": price}], "currency": "sgd"}
    made = account.v1.subscriptions.create(given).id
    shown = shop.subscription(made, status="active", monthlyMinor=1700)
    assert [line["amountMinor"] for line in shown["lineItems"]] == [1700]
    require_sums(caller, account, "sgd", monthly=1700)


def test_a_subscription_made_anew_with_our_metadata_is_one_of_its_own(
    caller: Caller, account: Account
) -> None:
    shop = Shop(caller, account, "mxn")
    price = shop.price(unit_amount=2500, recurring=MONTHLY)
    lines: Json = {"lineItems": [{"price": price}], "type": "subscription"}
    first = done(caller.post_invoice(shop.tenant, **lines))
    ours = account.v1.subscriptions.retrieve(first["subscriptionId"])
    copied: Any = {"customer": shop.customer, "items": [{"price": price}]}
    copied["metadata"] = ours.metadata.to_dict()
    anew = shop.subscription(account.v1.subscriptions.create(copied).id, status="active")
    assert anew["id"] != shop.subscription(ours.id)["id"]

    def both_paid() -> bool:
        items = caller.get("/invoices", currency="mxn")["items"]
        paid = {item["subscriptionId"]: item["amountPaidMinor"] for item in items}
        overpaid = [item["amountOverpaidMinor"] for item in items]
        return paid == dict.fromkeys((ours.id, anew["providerSubscriptionId"]), 2500) and not any(
            overpaid
        )

    eventually(both_paid)
    require_sums(caller, account, "mxn", monthly=5000)
