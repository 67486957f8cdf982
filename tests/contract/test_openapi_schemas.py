"""Rendered invoices match the OpenAPI document, for random event streams."""

from functools import cache
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from domain.invoices import events as e
from domain.invoices.fold import fold
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from service.dialects import admin_invoice_render
from service.http.responses import serialized
from service.invoices import render as invoices_render
from service.openapi_document import document
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import happened, stream_of

_BEGINNINGS = (e.InvoiceRequested, e.InvoiceImported)
_LATER = [kind for kind in EXAMPLES if issubclass(kind, e.InvoiceEvent) and kind not in _BEGINNINGS]


@cache
def validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(
        {
            "components": document("https://billing.example.com")["components"],
            "$ref": f"#/components/schemas/{schema}",
        },
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def faults(shape: Draft202012Validator, shown: dict[str, Any] | BaseModel) -> list[str]:
    sent = orjson.loads(serialized(shown))
    return [f"{fault.json_path}: {fault.message}" for fault in shape.iter_errors(sent)]


@settings(max_examples=150)
@given(first=st.sampled_from(_BEGINNINGS), later=st.lists(st.sampled_from(_LATER), max_size=8))
def test_rendered_invoices_match_the_document(
    first: type[e.InvoiceEvent], later: list[type[e.InvoiceEvent]]
) -> None:
    view: InvoiceView | None = None
    for event in stream_of(Invoice, *map(happened, (first, *later))):
        assert isinstance(event, e.InvoiceEvent)
        view = fold(view, event)
    assert view is not None
    shown = invoices_render.item(view, position=1, document_url=None)
    assert faults(validator("Invoice"), shown) == []
    single = invoices_render.single(view, position=1, document_url=None, provider_response=None)
    assert faults(validator("SingleInvoices"), single) == []
    if view.provider_object_id is not None:
        admin_invoice = admin_invoice_render.invoice(view, name=None, pdf=None)
        assert faults(validator("AdminInvoice"), admin_invoice) == []
