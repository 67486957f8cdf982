"""Every parameter that a verb of the gateway sends, held against the installed SDK."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from tests.support.canned_server import Canned, serve_canned
from tests.support.stripe_types import UnknownField, require_param
from tests.workers.providers.stripe.gateway_calls import CALLS
from workers.providers.stripe.client import endpoint_of
from workers.providers.stripe.gateway import StripeGateway

# The SDK's classes of parameters, by endpoint.
PARAMS = {
    "get /v1/credit_notes": "CreditNoteListParams",
    "get /v1/customers": "CustomerListParams",
    "get /v1/customers/*": "CustomerRetrieveParams",
    "get /v1/disputes": "DisputeListParams",
    "get /v1/invoice_payments": "InvoicePaymentListParams",
    "get /v1/invoices": "InvoiceListParams",
    "get /v1/invoices/*": "InvoiceRetrieveParams",
    "get /v1/invoices/*/lines": "InvoiceLineItemListParams",
    "get /v1/payment_intents/*": "PaymentIntentRetrieveParams",
    "get /v1/prices/*": "PriceRetrieveParams",
    "get /v1/refunds": "RefundListParams",
    "get /v1/refunds/*": "RefundRetrieveParams",
    "post /v1/credit_notes": "CreditNoteCreateParams",
    "post /v1/customers": "CustomerCreateParams",
    "post /v1/invoices": "InvoiceCreateParams",
    "post /v1/invoices/create_preview": "InvoiceCreatePreviewParams",
    "post /v1/invoices/*": "InvoiceUpdateParams",
    "post /v1/invoices/*/add_lines": "InvoiceAddLinesParams",
    "post /v1/invoices/*/finalize": "InvoiceFinalizeInvoiceParams",
    "post /v1/invoices/*/mark_uncollectible": "InvoiceMarkUncollectibleParams",
    "post /v1/invoices/*/pay": "InvoicePayParams",
    "post /v1/invoices/*/void": "InvoiceVoidInvoiceParams",
    "post /v1/payment_intents/*/capture": "PaymentIntentCaptureParams",
    "post /v1/refunds": "RefundCreateParams",
    "delete /v1/subscriptions/*": "SubscriptionCancelParams",
    "get /v1/subscription_schedules/*": "SubscriptionScheduleRetrieveParams",
    "get /v1/subscriptions": "SubscriptionListParams",
    "get /v1/subscriptions/*": "SubscriptionRetrieveParams",
    "post /v1/subscription_schedules": "SubscriptionScheduleCreateParams",
    "post /v1/subscription_schedules/*": "SubscriptionScheduleUpdateParams",
    "post /v1/subscription_schedules/*/release": "SubscriptionScheduleReleaseParams",
    "post /v1/subscriptions": "SubscriptionCreateParams",
    "post /v1/subscriptions/*": "SubscriptionUpdateParams",
    "get /v1/checkout/sessions": "checkout.SessionListParams",
    "get /v1/checkout/sessions/*": "checkout.SessionRetrieveParams",
    "post /v1/checkout/sessions": "checkout.SessionCreateParams",
    "post /v1/customers/*": "CustomerUpdateParams",
}


@pytest.fixture(scope="module")
def canned() -> Iterator[Canned]:
    with serve_canned() as server:
        yield server


def test_every_verb_is_among_those_whose_parameters_are_checked() -> None:
    public = {name for name in dir(StripeGateway) if not name.startswith("_")}
    assert public == {verb for verb, _, _ in CALLS}, (
        "add the verb, with everything that it can send"
    )


@pytest.mark.parametrize(
    ("call", "answer"),
    [(call, answer) for _, call, answer in CALLS],
    ids=[f"{verb}-{number}" for number, (verb, _, _) in enumerate(CALLS)],
)
def test_each_parameter_that_we_send_exists(
    canned: Canned, call: Callable[[StripeGateway], object], answer: dict[str, object]
) -> None:
    canned.answer(200, orjson.dumps(answer | {"data": [answer]}))
    call(StripeGateway("sk_test_1", api_base=canned.url, mode="test"))
    assert canned.requests
    for method, target, body in canned.requests:
        endpoint = endpoint_of(method, target)
        for name, _ in parse_qsl(body or urlsplit(target).query, keep_blank_values=True):
            path = re.sub(r"\.\d+(?=\.|$)", "", name.replace("]", "").replace("[", "."))
            require_param(PARAMS[endpoint], path)


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ("InvoiceItemCreateParams", "price"),
        ("InvoiceAddLinesParams", "lines.pricing.amount"),
        ("InvoiceCreateParams", "rendering_options.template"),
    ],
)
def test_the_check_fails_for_a_parameter_that_is_gone(params: str, path: str) -> None:
    with pytest.raises(UnknownField):
        require_param(params, path)
