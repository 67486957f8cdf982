"""Facts of the providers' invoices and customers, through the API; sums equal the sandbox's ledger.

Each case has a currency of its own, so that the reports of that currency are its sums alone.
"""

from __future__ import annotations

from tests.e2e.made_by_hand import (
    MONTHLY,
    Shop,
    done,
    mollie_invoice,
    money,
    refusal,
    require_sums,
    send,
)
from tests.support.mollie_account import MollieAccount
from tests.support.stripe_account import Account
from tests.support.system import Caller, Json, eventually


def test_invoices_and_subscriptions_of_more_than_ten_lines_have_all_of_them(
    caller: Caller, account: Account
) -> None:
    shop = Shop(caller, account, "chf")
    shown = shop.invoice(shop.bill(*range(100, 112)), status="paid")
    assert len(shown["lineItems"]) == 12
    assert shown["totalMinor"] == sum(range(100, 112))
    prices = [shop.price(unit_amount=100, recurring=MONTHLY) for _ in range(12)]
    made = shop.subscribe(*({"price": price} for price in prices))
    many = shop.subscription(made, status="active")
    assert [line["amountMinor"] for line in many["lineItems"]] == [100] * 12
    require_sums(caller, account, "chf", monthly=1200)


def test_credit_notes_and_part_payments_lower_what_is_due(caller: Caller, account: Account) -> None:
    shop = Shop(caller, account, "sek")
    noted, part = shop.bill(2000, pay=False), shop.bill(3000, pay=False)
    account.v1.credit_notes.create({"invoice": noted, "amount": 1500})
    account.admin.pay_part(part, 700)
    due = shop.invoice(noted, amountDueMinor=500)
    assert due["totalMinor"] == 2000
    eventually(lambda: len(caller.invoice(due["id"])["creditNotes"]) == 1)
    assert shop.invoice(part, amountDueMinor=2300)["amountPaidMinor"] == 700
    require_sums(caller, account, "sek", outstanding=2800)


def test_a_refund_gives_back_what_was_charged_and_not_credited(
    caller: Caller, account: Account
) -> None:
    shop = Shop(caller, account, "nok")
    paid = shop.bill(2000)
    account.v1.credit_notes.create({"invoice": paid, "amount": 1500, "credit_amount": 1500})
    shown = shop.invoice(paid, status="paid")
    eventually(lambda: caller.invoice(shown["id"])["creditNotes"])
    path = f"/invoices/{shown['id']}/refunds"
    assert refusal(send(caller, "POST", path, {"amountMinor": 501}))[:2] == (400, "amountMinor")
    assert done(send(caller, "POST", path, {}))["amountRefundedMinor"] == 500
    assert money(account, "nok") == (2000, 500)
    require_sums(caller, account, "nok")


def test_a_revision_is_an_invoice_of_its_own(caller: Caller, account: Account) -> None:
    shop = Shop(caller, account, "pln")
    answer = caller.post_invoice(
        caller.add_tenant(account.add_customer("declined")),
        lineItems=[{"name": "Tea", "amountMinor": 1900, "currency": "pln"}],
    )
    shop.tenant = answer.json().get("tenantUuid", shop.tenant)
    first = eventually(lambda: caller.get("/invoices", currency="pln")["items"])[0]
    revised = account.admin.revise(first["providerObjectId"], amount=100)
    account.admin.pay_on_page(revised["id"])

    def both() -> Json:
        items = caller.get("/invoices", currency="pln")["items"]
        found = {item["providerObjectId"]: item for item in items}
        return found if {item["status"] for item in items} == {"paid", "void"} else {}

    found = eventually(both)
    assert found[revised["id"]]["revisionOf"] == first["id"]
    assert found[first["providerObjectId"]]["revisedBy"] == found[revised["id"]]["id"]
    assert found[revised["id"]]["amountPaidMinor"] == 2000
    require_sums(caller, account, "pln")


def test_a_deleted_customer_is_shown_unlinked_and_made_anew(
    caller: Caller, account: Account
) -> None:
    customer = account.add_customer()
    tenant = caller.add_tenant(customer)
    account.v1.customers.delete(customer)

    def linked() -> list[Json]:
        found: list[Json] = caller.get(f"/tenants/{tenant}")["items"][0]["providerCustomers"]
        return found

    eventually(lambda: linked()[0]["deletedAt"])
    line = {"name": "Tea", "amountMinor": 900, "currency": "cad"}
    assert caller.post_invoice(tenant, lineItems=[line]).status_code == 400
    done(send(caller, "PUT", f"/tenants/{tenant}", {"name": "Ada", "providerCustomers": []}))
    for _ in range(2):
        assert done(caller.post_invoice(tenant, lineItems=[line]))["status"] == "open"
    (made,) = linked()
    assert (made["customerId"] != customer, made["deletedAt"]) == (True, None)
    require_sums(caller, account, "cad", outstanding=1800)


def test_a_changed_email_reaches_the_customer_at_the_provider(
    caller: Caller, account: Account
) -> None:
    customer = account.add_customer()
    tenant = caller.add_tenant(customer)
    body = {"name": "Eve", "email": "eve@example.com"}
    done(send(caller, "PUT", f"/tenants/{tenant}", body))
    eventually(lambda: account.v1.customers.retrieve(customer).email == "eve@example.com")
    assert account.v1.customers.retrieve(customer).name == "Eve"


def test_amounts_against_a_currency_are_refused_before_anything_is_recorded(
    caller: Caller, account: Account, mollie: MollieAccount
) -> None:
    tenant = caller.add_tenant(account.add_customer())
    for currency, amount in (("ugx", 550), ("isk", 550), ("kwd", 1001)):
        line = {"name": "Tea", "amountMinor": amount, "currency": currency}
        answer = caller.post_invoice(tenant, lineItems=[line])
        assert refusal(answer)[0] == 400, currency
        assert caller.get("/invoices", currency=currency)["items"] == []
    paid = mollie_invoice(
        caller,
        mollie,
        {"amountMinor": 100_000, "currency": "isk"},
        method="creditcard",
        outcome="paid",
    )
    path = f"/invoices/{paid['id']}/refunds"
    assert refusal(send(caller, "POST", path, {"amountMinor": 50_050}))[:2] == (400, "amountMinor")
    assert done(send(caller, "POST", path, {"amountMinor": 50_000}))["refunds"][0]["status"] in (
        "pending",
        "succeeded",
    )


def test_what_was_captured_counts_as_paid_at_both_providers(
    caller: Caller, account: Account, mollie: MollieAccount
) -> None:
    held = mollie_invoice(
        caller,
        mollie,
        {"amountMinor": 5000, "currency": "eur"},
        method="klarna",
        outcome="authorized",
    )
    assert (held["status"], held["amountCapturableMinor"]) == ("processing", 5000)
    assert held["captureBefore"] is not None
    path = f"/invoices/{held['id']}"
    part = done(send(caller, "POST", f"{path}/capture", {"amountMinor": 3000}))
    part = eventually(lambda: caller.invoice(held["id"]) if captured(caller, held["id"]) else {})
    assert (part["amountDueMinor"], part["amountCapturableMinor"]) == (2000, 2000)
    too_much = send(caller, "POST", f"{path}/refunds", {"amountMinor": 3001})
    assert refusal(too_much)[:2] == (400, "amountMinor")
    mollie.admin.release_authorization(held["providerObjectId"])
    ended = eventually(lambda: ended_as(caller, held["id"], "paid"))
    assert (ended["amountPaidMinor"], ended["amountDueMinor"]) == (3000, 0)

    shop = Shop(caller, account, "nzd")
    at_stripe = shop.bill(1999, pay=False)
    account.admin.pay_part(at_stripe, 1500, capture="manual")
    shown = shop.invoice(at_stripe, amountCapturableMinor=1500)
    assert shown["captureBefore"] is not None
    done(send(caller, "POST", f"/invoices/{shown['id']}/capture", {"amountMinor": 700}))
    assert shop.invoice(at_stripe, amountPaidMinor=700)["amountDueMinor"] == 1299
    require_sums(caller, account, "nzd", outstanding=1299)


def captured(caller: Caller, invoice_id: str) -> bool:
    return bool(caller.invoice(invoice_id)["amountPaidMinor"] == 3000)


def ended_as(caller: Caller, invoice_id: str, status: str) -> Json:
    shown = caller.invoice(invoice_id)
    return shown if shown["status"] == status else {}
