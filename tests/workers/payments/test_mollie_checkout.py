"""Test outcomes of requests that are paid by a Mollie payment."""

from __future__ import annotations

from typing import Any

import pytest

from domain.invoices.view import InvoiceView
from eventlog.security.signed_links import RETURN
from tests.workers.mollie_harness import PUBLIC_URL, MollieBench, values


def failure(view: InvoiceView) -> tuple[str | None, str | None]:
    assert view.failure is not None
    return view.failure.code, view.failure.path


def test_a_request_opens_a_checkout_and_every_step_is_on_record(mollie: MollieBench) -> None:
    invoice_id = mollie.request(tax_rate_id="added", payment_method="card")

    view = mollie.charge(invoice_id).view

    (payment,) = mollie.payments()
    assert (view.status, view.in_progress) == ("open", False)
    assert view.next_action == {"type": "redirect", "url": payment["_links"]["checkout"]["href"]}
    assert (view.provider_object_type, view.provider_object_id) == ("payment", payment["id"])
    assert (view.total_minor, view.tax_minor, view.currency) == (2419, 420, "eur")
    assert view.customer == payment["customerId"]
    assert payment["method"] == "creditcard"
    assert payment["metadata"] == {
        "billhook_app": str(mollie.app_id),
        "billhook_invoice": str(invoice_id),
    }
    assert mollie.topics(invoice_id) == [
        "invoice.requested",
        "invoice.step_started",
        "invoice.checkout_opened",
    ]


def test_lines_are_sent_with_their_tax_to_the_cent(mollie: MollieBench) -> None:
    view = mollie.charged(
        {"price": "pro"},
        {"price": "odd", "quantity": 7, "name": "Seats"},
        {"name": "Setup", "amount_minor": 1000, "currency": "eur", "quantity": 2},
        tax_rate_id="odd",
    ).view

    (payment,) = mollie.payments()
    assert payment["amount"] == {"currency": "EUR", "value": "68.92"}
    assert values(line["totalAmount"] for line in payment["lines"]) == ["21.76", "25.38", "21.78"]
    assert [line["quantity"] for line in payment["lines"]] == [1, 1, 2]
    assert [line["description"] for line in payment["lines"]] == ["Pro Plan", "7 x Seats", "Setup"]
    assert {line["vatRate"] for line in payment["lines"]} == {"8.875"}
    assert [(line["name"], line["quantity"], line["total_minor"]) for line in view.lines] == [
        ("Pro Plan", 1, 1999),
        ("Seats", 7, 2331),
        ("Setup", 2, 2000),
    ]
    assert (view.total_minor, view.tax_minor) == (6892, 562)


@pytest.mark.parametrize(
    ("price", "tax", "sent", "sums"),
    [
        ("pro", "contained", "19.99", (1999, 347)),
        ("pro", None, "19.99", (1999, 0)),
        ("yen", "added", "3025", (3025, 525)),
        ("kronur", "added", "3025", (302_500, 52_500)),
        ("dollars", None, "21.99", (2199, 0)),
    ],
    ids=["tax contained", "untaxed", "yen", "kronur", "dollars"],
)
def test_amounts_have_the_decimals_of_their_currency(
    mollie: MollieBench, price: str, tax: str | None, sent: str, sums: tuple[int, int]
) -> None:
    view = mollie.charged({"price": price}, tax_rate_id=tax).view

    assert values([mollie.payments()[0]["amount"]]) == [sent]
    assert (view.status, (view.total_minor, view.tax_minor)) == ("open", sums)


_EUR: dict[str, Any] = {"amount_minor": 100, "currency": "eur"}


@pytest.mark.parametrize(
    ("lines", "more", "code", "path"),
    [
        ([{"price": "none"}], {}, "price_unknown", "lineItems.0.price"),
        ([_EUR, {"price": "monthly"}], {}, "price_recurring", "lineItems.1.price"),
        ([{"price": "pro"}, {"price": "dollars"}], {}, "currencies_mixed", "lineItems.1.price"),
        ([{"price": "yen"}, _EUR], {}, "currencies_mixed", "lineItems.1.amountMinor"),
        ([{"price": "half_krona"}], {}, "amount_invalid", "lineItems.0.price"),
        ([_EUR | {"amount_minor": 0}], {}, "amount_invalid", "lineItems"),
        ([_EUR], {"tax_rate_id": "none"}, "tax_rate_unknown", "taxRateId"),
        ([_EUR], {"expected_total_minor": 101}, "total_differs", "expectedTotalMinor"),
        ([_EUR], {"metadata": {"a": "x" * 1000}}, "metadata_too_large", "metadata"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unchargeable_line_is_rejected_by_name_before_anything_is_created(
    mollie: MollieBench, lines: list[dict[str, Any]], more: dict[str, Any], code: str, path: str
) -> None:
    view = mollie.charged(*lines, **more).view

    assert view.status == "rejected"
    assert failure(view) == (code, path)
    assert mollie.account.admin.requests() == []


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"payment_method": "sorcery"}, "paymentMethod"),
        ({"redirect_url": "not an address"}, "redirectUrl"),
        ({"payment_method": "mdt_none"}, "paymentMethod"),
    ],
    ids=["method", "redirect", "mandate"],
)
def test_a_rejection_by_the_provider_names_the_callers_field(
    mollie: MollieBench, more: dict[str, Any], path: str
) -> None:
    view = mollie.charged(**more).view

    assert view.status == "rejected"
    assert failure(view) == ("provider_rejected", path)
    assert mollie.payments() == []


def test_a_customer_that_is_gone_is_refused_by_name(mollie: MollieBench) -> None:
    view = mollie.charged(tenant_id=mollie.add_tenant("cst_gone")).view

    assert failure(view) == ("provider_rejected", "tenantUuid")


def test_the_customer_returns_to_the_requests_url(mollie: MollieBench) -> None:
    mollie.connect(redirect_url="https://shop.example/orders/{invoiceId}")

    mollie.charged(redirect_url="https://shop.example/thanks")

    assert mollie.payments()[0]["redirectUrl"] == "https://shop.example/thanks"


def test_the_customer_otherwise_returns_to_the_connections_url_with_the_invoices_id(
    mollie: MollieBench,
) -> None:
    mollie.connect(redirect_url="https://shop.example/orders/{invoiceId}")

    view = mollie.charged().view

    assert mollie.payments()[0]["redirectUrl"] == f"https://shop.example/orders/{view.id}"


def test_else_on_our_own_page(mollie: MollieBench) -> None:
    view = mollie.charged().view

    url = mollie.payments()[0]["redirectUrl"]
    assert url.startswith(f"{PUBLIC_URL}/return/")
    assert mollie.links.read(url.rpartition("/")[2], purpose=RETURN) == view.id


def test_webhooks_are_sent_to_the_connections_own_url(mollie: MollieBench) -> None:
    mollie.charged()

    assert mollie.payments()[0]["webhookUrl"] == (
        f"{PUBLIC_URL}/webhooks/mollie/{mollie.connection_id}"
    )


def test_a_tenants_customer_is_made_once(mollie: MollieBench) -> None:
    tenant_id = mollie.add_tenant()

    first, second = mollie.charged(tenant_id=tenant_id), mollie.charged(tenant_id=tenant_id)

    assert first.view.customer == second.view.customer
    assert len(mollie.sent("/v2/customers")) == 1


@pytest.mark.parametrize(
    ("outcome", "delay_s", "status"),
    [("paid", 0, "paid"), ("failed", 0, "failed"), ("paid", 60, "processing")],
)
def test_a_mandate_is_charged_at_once_without_a_page(
    mollie: MollieBench, outcome: str, delay_s: int, status: str
) -> None:
    mollie.account.admin.set_settings(default_outcome=outcome, card_delay_s=delay_s)
    customer = mollie.account.with_mandate()
    mandate = next(iter(customer.mandates.list()))
    mollie.account.admin.forget_requests()

    view = mollie.charged(
        tenant_id=mollie.add_tenant(customer.id), payment_method=mandate.id, tax_rate_id="added"
    ).view

    (sent,) = mollie.sent()
    assert (sent["sequenceType"], sent["mandateId"]) == ("recurring", mandate.id)
    assert "redirectUrl" not in sent
    assert (view.status, view.total_minor, view.tax_minor) == (status, 2419, 420)
    assert view.objects == [view.provider_object_id]
    assert view.next_action is None
    if status == "failed":
        assert view.failure is not None
        assert view.failure.code == view.failure.decline_code == "insufficient_funds"


def test_a_second_run_makes_no_calls(mollie: MollieBench) -> None:
    invoice_id = mollie.charged().id
    mollie.account.admin.forget_requests()

    mollie.charge(invoice_id)

    assert mollie.account.admin.requests() == []
