"""Refunds and captures through the API; what is shown equals the providers' ledgers.

Each case has a currency of its own, so that the reports of that currency are its sums alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.made_by_hand import Shop, done, mollie_invoice, money, refusal, require_sums, send
from tests.support.mollie_account import MollieAccount
from tests.support.stripe_account import Account
from tests.support.system import DEMO_MOLLIE_KEY, Caller, Json, System, eventually


@pytest.fixture
def mollie(system: System) -> Iterator[MollieAccount]:
    """The demo's account, whose refunds take no hours."""
    with MollieAccount(system.demo["sandbox_url"], DEMO_MOLLIE_KEY) as made:
        usual = made.admin.settings()
        names = ("refund_queue_s", "refund_pending_s", "refund_processing_s")
        made.admin.set_settings(**dict.fromkeys(names, 0))
        yield made
        made.admin.set_settings(**{name: usual[name] for name in names})


def refund(caller: Caller, invoice_id: str, body: Json) -> list[tuple[str | None, int, str, bool]]:
    """Request a refund; return payment, amount, status and credit note of each of its parts."""
    shown = done(send(caller, "POST", f"/invoices/{invoice_id}/refunds", body))
    parts = [one for one in shown["refunds"] if shown["refundId"] in (one["id"], one["partOf"])]
    return [
        (one["paymentId"], one["amountMinor"], one["status"], one["creditNote"]) for one in parts
    ]


def test_one_request_gives_back_every_payment_of_a_stripe_invoice(
    caller: Caller, account: Account
) -> None:
    shop = Shop(caller, account, "ron")
    made = shop.bill(2000, pay=False)
    first, second = (
        account.admin.pay_part(made, amount)["payment_intent"]["id"] for amount in (700, 1300)
    )
    shown = shop.invoice(made, status="paid", amountPaidMinor=2000)
    parts = refund(caller, shown["id"], {"amountMinor": 800})
    assert parts == [(first, 700, "succeeded", True), (second, 100, "succeeded", True)]
    assert refund(caller, shown["id"], {}) == [(second, 1200, "succeeded", True)]
    none_left = send(caller, "POST", f"/invoices/{shown['id']}/refunds", {})
    assert refusal(none_left)[0] == 400

    def noted() -> bool:
        now = caller.invoice(shown["id"])
        return len(now["creditNotes"]) == 3 and now["amountRefundedMinor"] == 2000

    eventually(noted)
    assert money(account, "ron") == (2000, 2000)
    require_sums(caller, account, "ron")


def test_a_carried_over_small_sum_is_given_back_with_the_charge_that_included_it(
    caller: Caller, account: Account
) -> None:
    shop = Shop(caller, account, "brl")
    small = shop.invoice(shop.bill(30, pay=False), status="paid")
    assert (small["amountPaidMinor"], small["amountDueMinor"]) == (0, 0)
    shown = shop.invoice(shop.bill(1999), status="paid")
    assert (shown["totalMinor"], shown["amountPaidMinor"]) == (1999, 2029)
    too_much = send(caller, "POST", f"/invoices/{shown['id']}/refunds", {"amountMinor": 2030})
    assert refusal(too_much)[:2] == (400, "amountMinor")
    assert refund(caller, shown["id"], {}) == [
        (None, 1999, "succeeded", True),
        (None, 30, "succeeded", False),
    ]
    assert money(account, "brl") == (2029, 2029)
    require_sums(caller, account, "brl")


def test_one_request_gives_back_every_payment_of_a_mollie_invoice(
    caller: Caller, mollie: MollieAccount
) -> None:
    line = {"amountMinor": 3000, "currency": "thb"}
    tenant = caller.demo["tenant_id"]
    body = {"tenantUuid": tenant, "lineItems": [line | {"name": "Boots"}], "type": "payment"}
    path = f"/tenants/{tenant}/payment-providers/mollie/invoices"
    first = done(send(caller, "POST", path, body | {"paymentMethod": "creditcard"}))
    again = done(send(caller, "POST", f"/invoices/{first['id']}/retry", {}))
    own, other = again["providerObjectId"], first["providerObjectId"]
    mollie.admin.outcome(own, "paid")
    eventually(lambda: caller.invoice(first["id"])["status"] == "paid")
    mollie.admin.outcome(other, "paid")
    eventually(lambda: caller.invoice(first["id"])["amountOverpaidMinor"] == 3000)
    parts = refund(caller, first["id"], {})
    assert [(payment, amount) for payment, amount, *_ in parts] == [(own, 3000), (other, 3000)]

    def back() -> bool:
        now = caller.invoice(first["id"])
        ended = {one["status"] for one in now["refunds"]} == {"succeeded"}
        return ended and (now["amountRefundedMinor"], now["amountOverpaidMinor"]) == (3000, 0)

    eventually(back)
    assert money(mollie, "thb") == (6000, 6000)
    # The second payment was never collected, so that its refund is none of the reports' either.

    def is_reported() -> bool:
        report = caller.get("/reports/summary", currency="thb", mode="test")["items"]
        sums = [(row["collectedMinor"], row["refundedMinor"]) for row in report]
        return sums == [(3000, 3000)]

    # An invoice by its id is read from its events, reports from the read model.
    eventually(is_reported)


def test_captures_and_refunds_equal_mollies_ledger(caller: Caller, mollie: MollieAccount) -> None:
    line = {"amountMinor": 5000, "currency": "dkk"}
    held = mollie_invoice(caller, mollie, line, method="klarna", outcome="authorized")
    path = f"/invoices/{held['id']}"
    done(send(caller, "POST", f"{path}/capture", {"amountMinor": 3000}))
    eventually(lambda: caller.invoice(held["id"])["amountPaidMinor"] == 3000)
    mollie.admin.release_authorization(held["providerObjectId"])
    eventually(lambda: caller.invoice(held["id"])["status"] == "paid")
    refund(caller, held["id"], {})
    eventually(lambda: caller.invoice(held["id"])["amountRefundedMinor"] == 3000)
    assert money(mollie, "dkk") == (3000, 3000)

    line = {"amountMinor": 100_000, "currency": "isk"}
    paid = mollie_invoice(caller, mollie, line, method="creditcard", outcome="paid")
    refund(caller, paid["id"], {"amountMinor": 50_000})
    eventually(lambda: caller.invoice(paid["id"])["amountRefundedMinor"] == 50_000)
    eventually(lambda: whole_units(caller, "isk") == money(mollie, "isk"))


def whole_units(caller: Caller, currency: str) -> tuple[int, int]:
    """Return the reports' sums of a currency whose hundredths Mollie does not have."""
    report = caller.get("/reports/summary", currency=currency, mode="test")["items"]
    sums = (sum(row[name] for row in report) for name in ("collectedMinor", "refundedMinor"))
    collected, refunded = (amount // 100 for amount in sums)
    return collected, refunded
