"""Test outcomes of invoice requests: by card, caller's error and provider failure."""

from __future__ import annotations

import pytest

from domain.gateway.errors import GatewayUnavailable
from tests.workers.stripe_harness import Bench


def test_a_good_card_is_charged_once_and_every_step_is_on_record(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant(), tax_rate_id=bench.account.tax_rate)

    invoice = bench.charge(invoice_id)

    assert invoice.view.status == "paid"
    assert (invoice.view.total_minor, invoice.view.tax_minor) == (2419, 420)
    assert invoice.view.amount_paid_minor == 2419
    assert bench.account.charged() == [2419]
    assert bench.topics(invoice_id) == [
        "invoice.requested",
        "invoice.step_started",
        "invoice.provider_invoice_created",
        "invoice.step_started",
        "invoice.step_started",
        "invoice.issued",
        "invoice.step_started",
        "invoice.payment_succeeded",
    ]


def test_ad_hoc_lines_carry_the_callers_names_and_amounts(bench: Bench) -> None:
    invoice_id = bench.request(
        bench.add_tenant(),
        {"name": "Setup", "amount_minor": 1000, "currency": "eur", "quantity": 2},
        {"name": "Plan", "price": bench.account.price},
    )

    view = bench.charge(invoice_id).view

    assert view.total_minor == 3999
    assert [(line["name"], line["quantity"], line["total_minor"]) for line in view.lines] == [
        ("Setup", 2, 2000),
        ("Plan", 1, 1999),
    ]
    there = bench.account.v1.invoices.retrieve(view.provider_object_id or "")
    assert sorted(line.description or "" for line in there.lines.data) == ["Plan", "Setup"]


def test_a_second_run_makes_no_calls(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant())
    bench.charge(invoice_id)
    bench.account.admin.forget_requests()

    bench.charge(invoice_id)

    assert bench.account.admin.requests() == []


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("declined", "card_declined", "generic_decline"),
        ("insufficient_funds", "card_declined", "insufficient_funds"),
    ],
)
def test_a_declined_card_is_recorded_with_its_codes_and_charges_nothing(
    bench: Bench, card: str, code: str, decline_code: str
) -> None:
    view = bench.charge(bench.request(bench.add_tenant(card))).view

    assert view.status == "failed"
    assert view.failure is not None
    assert (view.failure.code, view.failure.decline_code) == (code, decline_code)
    assert bench.account.charged() == []


def test_a_card_that_needs_authentication_has_a_confirmation_url(bench: Bench) -> None:
    view = bench.charge(bench.request(bench.add_tenant("needs_authentication"))).view

    assert view.status == "requires_action"
    assert view.next_action == {"type": "redirect", "url": view.hosted_url}
    assert bench.account.charged() == []


def test_without_a_method_the_invoice_is_open_for_the_customer_to_pay(bench: Bench) -> None:
    view = bench.charge(bench.request(bench.add_tenant(card=None))).view

    assert view.status == "open"
    assert view.in_progress is False
    assert view.next_action == {"type": "redirect", "url": view.hosted_url}


def test_a_tenant_without_a_customer_gets_one_and_keeps_it(bench: Bench) -> None:
    tenant_id = bench.add_tenant(linked=False)

    first = bench.charge(bench.request(tenant_id)).view
    second = bench.charge(bench.request(tenant_id)).view

    assert first.customer == second.customer
    created = bench.account.admin.requests(method="POST", path="/v1/customers")
    assert len(created) == 1


@pytest.mark.parametrize(
    ("line", "code", "path"),
    [
        ({"price": "price_unknown"}, "provider_rejected", "lineItems.0.price"),
        ({"price": "recurring"}, "price_recurring", "lineItems.0.price"),
        ({"price": "inactive"}, "price_inactive", "lineItems.0.price"),
    ],
)
def test_a_price_that_cannot_be_billed_leaves_nothing_at_the_provider(
    bench: Bench, line: dict[str, str], code: str, path: str
) -> None:
    account = bench.account
    prices = {
        "recurring": account.add_price(100, recurring={"interval": "month"}),
        "inactive": account.add_price(100, active=False),
    }
    invoice_id = bench.request(
        bench.add_tenant(), {"price": prices.get(line["price"], line["price"])}
    )

    view = bench.charge(invoice_id).view

    assert view.status == "rejected"
    assert view.failure is not None
    assert (view.failure.code, view.failure.path) == (code, path)
    assert account.v1.invoices.list().data == []


def test_currencies_that_do_not_agree_are_refused_by_name(bench: Bench) -> None:
    invoice_id = bench.request(
        bench.add_tenant(),
        {"price": bench.account.price},
        {"amount_minor": 500, "currency": "usd"},
    )

    view = bench.charge(invoice_id).view

    assert view.failure is not None
    assert view.failure.code == "currencies_mixed"
    assert bench.account.v1.invoices.list().data == []


def test_a_total_other_than_expected_deletes_the_draft(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant(), expected_total_minor=1)

    view = bench.charge(invoice_id).view

    assert view.status == "rejected"
    assert view.failure is not None
    assert (view.failure.code, view.failure.path) == ("total_differs", "expectedTotalMinor")
    assert bench.account.v1.invoices.list().data == []


def test_an_unknown_tax_rate_is_refused_by_the_callers_name_for_it(bench: Bench) -> None:
    view = bench.charge(bench.request(bench.add_tenant(), tax_rate_id="txr_unknown")).view

    assert view.failure is not None
    assert (view.failure.path, view.failure.provider_code) == (
        "taxRateId",
        "resource_missing",
    )


@pytest.mark.parametrize("path", ["/v1/invoices", "/v1/invoices/*/pay"])
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("refuse_before", {}),
        ("lose_answer", {}),
        ("status", {"status": 500}),
        ("status", {"status": 429}),
        ("status", {"status": 409}),
    ],
)
def test_a_provider_in_trouble_delays_the_charge_and_never_doubles_it(
    bench: Bench, path: str, kind: str, more: dict[str, int]
) -> None:
    bench.account.admin.add_fault(kind, method="POST", path=path, times=4, **more)
    invoice_id = bench.request(bench.add_tenant())

    tries = 0
    while bench.invoice(invoice_id).view.in_progress:
        tries += 1
        assert tries < 6
        try:
            bench.charge(invoice_id)
        except GatewayUnavailable:
            continue

    assert bench.invoice(invoice_id).view.status == "paid"
    assert bench.account.charged() == [1999]


def test_refused_credentials_reject_before_anything_exists(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant())
    bench.account.admin.refuse_keys(bench.account.key)

    view = bench.charge(invoice_id).view

    assert view.status == "rejected"
    assert view.failure is not None
    assert (view.failure.code, view.failure.path) == (
        "provider_credentials_refused",
        "connection",
    )
