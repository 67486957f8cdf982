"""Check the import's list parameters against the installed Stripe SDK."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from tests.support.canned_server import Canned, serve_canned
from tests.support.stripe_types import require_param
from workers.providers.retry import Span
from workers.providers.stripe.event_list import StripeEventList
from workers.providers.stripe.history import StripeHistory

SPAN = Span(start=1, end=2)
PARAMS = {
    "/v1/customers": "CustomerListParams",
    "/v1/tax_rates": "TaxRateListParams",
    "/v1/prices": "PriceListParams",
    "/v1/subscriptions": "SubscriptionListParams",
    "/v1/invoices": "InvoiceListParams",
    "/v1/payment_intents": "PaymentIntentListParams",
    "/v1/payment_intents/pi_1": "PaymentIntentRetrieveParams",
    "/v1/refunds": "RefundListParams",
    "/v1/disputes": "DisputeListParams",
    "/v1/credit_notes": "CreditNoteListParams",
    "/v1/invoices/in_1/lines": "InvoiceLineItemListParams",
    "/v1/invoice_payments": "InvoicePaymentListParams",
    "/v1/events": "EventListParams",
}
INTENT = {"id": "pi_1", "status": "succeeded", "amount": 1, "created": 1, "latest_charge": "ch_1"}
CALLS: dict[str, Callable[[StripeHistory], object]] = {
    "now_s": lambda history: history.now_s(),
    "tax_rates": lambda history: history.tax_rates("txr_1"),
    "prices": lambda history: history.prices("price_1"),
    "customers": lambda history: history.customers("cus_1"),
    "subscriptions": lambda history: history.subscriptions("sub_1"),
    "invoices": lambda history: history.invoices(SPAN, "in_1"),
    "newest": lambda history: history.newest(),
    "with_payments": lambda history: history.with_payments(
        {"id": "in_1", "payments": {"data": [], "has_more": True}}
    ),
    "lines": lambda history: history.lines("in_1"),
    "payments": lambda history: history.payments(SPAN),
    "payment": lambda history: history.payment("pi_1"),
    "refunds_and_disputes": lambda history: history.refunds_and_disputes(SPAN),
}


@pytest.fixture(scope="module")
def canned() -> Iterator[Canned]:
    with serve_canned() as server:
        yield server


def check(canned: Canned) -> None:
    """Every call was a GET with parameters that there are."""
    assert canned.requests
    for method, target, _ in canned.requests:
        assert method == "GET"
        parts = urlsplit(target)
        for name, _ in parse_qsl(parts.query, keep_blank_values=True):
            path = re.sub(r"\.\d+(?=\.|$)", "", name.replace("]", "").replace("[", "."))
            require_param(PARAMS[parts.path], path)


def test_every_call_is_among_those_that_are_checked() -> None:
    public = {name for name in dir(StripeHistory) if not name.startswith("_")}
    assert public == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_each_parameter_that_we_send_exists(canned: Canned, name: str) -> None:
    empty = {"object": "list", "data": [], "has_more": False}
    canned.answer(200, orjson.dumps(INTENT if name == "payment" else empty))
    CALLS[name](StripeHistory("sk_test_1", api_base=canned.url, mode="test"))
    check(canned)


def test_each_request_for_events_has_only_known_parameters(canned: Canned) -> None:
    canned.answer(200, orjson.dumps({"object": "list", "data": [], "has_more": False}))
    StripeEventList("sk_test_1", api_base=canned.url, mode="test").since(1)
    check(canned)
