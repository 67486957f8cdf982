"""What we rely on in Stripe's API, held against the installed SDK: an upgrade that moves it fails.

`stripe_fields.txt` names each field that we read, with its type in the version that we pin.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
import stripe

import workers.apply
from domain.gateway import InvoiceDraft, LineDraft, RefundDraft
from tests.support.canned import Canned, serve_canned
from tests.support.stripe_types import (
    UnknownField,
    event_types,
    require_param,
    type_of_field,
)
from workers import providers
from workers.providers.stripe import StripeGateway
from workers.providers.stripe_calls import API_VERSION, endpoint_of
from workers.providers.stripe_endpoints import WEBHOOK_TYPES

FIELDS = Path(__file__).with_name("stripe_fields.txt")
PROVIDERS = Path(providers.__path__[0])
# These read no objects of Stripe's API by name, or through the SDK's types, which mypy checks.
READ_OTHERWISE = {"stripe_calls.py", "stripe_errors.py", "stripe_demo.py", "stripe_endpoints.py"}
READERS = [
    Path(workers.apply.__file__),
    *(path for path in sorted(PROVIDERS.glob("stripe*.py")) if path.name not in READ_OTHERWISE),
]


def declared() -> dict[str, str]:
    lines = FIELDS.read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def names_read(source: str) -> Iterator[str]:
    """Give the names that code looks up in a mapping: `x["name"]` and `x.get("name")`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Load()):
                yield name
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
                yield name


def test_the_sdk_speaks_the_version_that_we_pin() -> None:
    assert stripe.api_version == API_VERSION


def test_the_version_is_written_in_one_place() -> None:
    root = Path(__file__).parents[2]
    ours = [path for top in ("domain", "service", "workers") for path in (root / top).rglob("*.py")]
    naming = [path.name for path in ours if API_VERSION in path.read_text()]
    assert naming == ["stripe_calls.py"]


@pytest.mark.parametrize("path", declared())
def test_a_field_that_we_read_is_as_it_was(path: str) -> None:
    assert type_of_field(path) == declared()[path]


def test_every_field_that_we_read_is_declared_and_no_other() -> None:
    read = {name for path in READERS for name in names_read(path.read_text())}
    segments = {segment for path in declared() for segment in path.split(".")[1:]}
    assert read - segments == set(), "add the field to stripe_fields.txt, with its type"
    assert {path.rpartition(".")[2] for path in declared()} - read == set(), "no longer read"


def test_every_event_type_that_we_register_exists() -> None:
    assert set(WEBHOOK_TYPES) - event_types() == set()
    assert len(set(WEBHOOK_TYPES)) == len(WEBHOOK_TYPES)


@pytest.mark.parametrize(
    "path",
    ["Invoice.paid", "Invoice.status_transitions.nope", "Nothing.id", "PaymentIntent.invoice.id"],
)
def test_the_check_fails_for_a_field_that_is_gone(path: str) -> None:
    with pytest.raises(UnknownField):
        type_of_field(path)


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


def test_the_check_sees_a_name_that_is_read() -> None:
    source = 'a = data["old"]["deep"]\nb = data.get("gone") or {}\nparams["sent"] = 1\n'
    assert set(names_read(source)) == {"old", "deep", "gone"}


DRAFT = InvoiceDraft(
    customer="cus_1",
    currency="eur",
    tax_rate_id="txr_1",
    payment_method="pm_1",
    footer="f",
    description="d",
    metadata={"a": "b"},
)
BY_TYPE = InvoiceDraft(
    customer="cus_1",
    currency=None,
    gather=True,
    tax_rate_id=None,
    payment_method="sepa_debit",
    footer=None,
    description=None,
    metadata={},
)
LINES = [
    LineDraft(reference="0", name="n", quantity=1, price="price_1", amount_minor=None),
    LineDraft(reference="1", name="n", quantity=2, price=None, amount_minor=100),
]
CONTACT = {"name": "Ada", "email": "ada@example.com", "address": {"country": "NL"}}


def refund_draft(*, credit_note: bool) -> RefundDraft:
    return RefundDraft(
        invoice_id="in_1",
        payment_id="pi_1",
        amount_minor=5,
        reason="duplicate",
        credit_note=credit_note,
        reference="r",
        metadata={"a": "b"},
    )


# Each verb of the gateway with everything that it can send.
VERBS: dict[str, list[Callable[[StripeGateway], object]]] = {
    "find_customer": [lambda g: g.find_customer("cus_1")],
    "create_customer": [lambda g: g.create_customer({"a": "b"}, contact=CONTACT, key="k")],
    "find_price": [lambda g: g.find_price("price_1")],
    "create_invoice": [
        lambda g: g.create_invoice(DRAFT, key="k"),
        lambda g: g.create_invoice(BY_TYPE, key="k"),
    ],
    "add_lines": [lambda g: g.add_lines("in_1", LINES, currency="eur", key="k")],
    "list_lines": [lambda g: g.list_lines("in_1")],
    "finalize_invoice": [lambda g: g.finalize_invoice("in_1", key="k")],
    "pay_invoice": [
        lambda g: g.pay_invoice("in_1", off_session=True, key="k", payment_method="pm_1")
    ],
    "fetch_invoice": [lambda g: g.fetch_invoice("in_1")],
    "fetch_draft": [lambda g: g.fetch_draft("in_1")],
    "find_document_url": [lambda g: g.find_document_url("in_1")],
    "find_client_secret": [lambda g: g.find_client_secret("pi_1")],
    "advance_draft": [lambda g: g.advance_draft("in_1", key="k")],
    "find_invoices": [lambda g: g.find_invoices(customer="c", reference="r", created_after=1)],
    "delete_draft": [lambda g: g.delete_draft("in_1")],
    "void_invoice": [lambda g: g.void_invoice("in_1", key="k")],
    "write_off_invoice": [lambda g: g.write_off_invoice("in_1", key="k")],
    "refund": [
        lambda g: g.refund(refund_draft(credit_note=True), key="k"),
        lambda g: g.refund(refund_draft(credit_note=False), key="k"),
    ],
    "fetch_money_back": [lambda g: g.fetch_money_back("in_1")],
    "find_invoice_of": [lambda g: g.find_invoice_of("pi_1")],
}

# The SDK's classes of parameters, by endpoint.
PARAMS = {
    "get /v1/credit_notes": "CreditNoteListParams",
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
    "post /v1/invoices/*": "InvoiceUpdateParams",
    "post /v1/invoices/*/add_lines": "InvoiceAddLinesParams",
    "post /v1/invoices/*/finalize": "InvoiceFinalizeInvoiceParams",
    "post /v1/invoices/*/mark_uncollectible": "InvoiceMarkUncollectibleParams",
    "post /v1/invoices/*/pay": "InvoicePayParams",
    "post /v1/invoices/*/void": "InvoiceVoidInvoiceParams",
    "post /v1/refunds": "RefundCreateParams",
}

# All that our readers look for, in one object, so that each verb goes on to its last call.
ANSWER = {
    "id": "x_1",
    "object": "thing",
    "livemode": False,
    "status": "open",
    "type": "one_time",
    "currency": "eur",
    "active": True,
    "amount": 1,
    "created": 1,
    "total": 1,
    "amount_paid": 0,
    "attempt_count": 0,
    "status_transitions": {"paid_at": None},
    "lines": {"data": [{"id": "il_1", "amount": 1, "currency": "eur"}], "has_more": False},
    "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
    "refunds": [{"refund": "re_1"}],
    "invoice": "in_1",
    "has_more": False,
}


@pytest.fixture(scope="module")
def canned() -> Iterator[Canned]:
    with serve_canned() as server:
        yield server


def test_every_verb_is_among_those_whose_parameters_are_checked() -> None:
    public = {name for name in dir(StripeGateway) if not name.startswith("_")}
    assert public == set(VERBS), "add the verb to VERBS, with everything that it can send"


@pytest.mark.parametrize("verb", VERBS)
def test_each_parameter_that_we_send_exists(canned: Canned, verb: str) -> None:
    canned.answer(200, orjson.dumps(ANSWER | {"data": [ANSWER]}))
    gateway = StripeGateway("sk_test_1", api_base=canned.url, mode="test")
    for call in VERBS[verb]:
        call(gateway)
    assert canned.asked
    for method, target, body in canned.asked:
        endpoint = endpoint_of(method, target)
        for name, _ in parse_qsl(body or urlsplit(target).query, keep_blank_values=True):
            path = re.sub(r"\.\d+(?=\.|$)", "", name.replace("]", "").replace("[", "."))
            require_param(PARAMS[endpoint], path)
