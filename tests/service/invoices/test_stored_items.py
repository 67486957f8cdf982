"""Invoices of lists are rendered from stored JSON exactly as the response models render views."""

from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, get_type_hints
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.core.failures import Failure
from domain.invoices.view import InvoiceRequest, InvoiceView, NextAction, RequestedLine
from eventlog.security.vault import Vault
from projections.engine.view_codec import ViewCodec, from_json, to_json
from projections.invoices.queries import SUMMARY
from service.dialects import admin_invoice_render
from service.http.responses import serialized
from service.invoices import render, stored_items
from service.invoices import response_schemas as schemas
from service.invoices.documents import Links

_LINKS: Final = Links([Vault.new_key()], public_url="https://billing.example.com")
_SUMMARIES: Final = ViewCodec(InvoiceView, only=SUMMARY)
_STATUSES: Final = (
    "requested", "draft", "open", "paid", "failed", "rejected", "canceled", "void", "uncollectible",
)  # fmt: skip
_SHOWN: Final = {*schemas.Invoice.model_fields, *SUMMARY, "request"}
_texts = st.text(max_size=8)
_numbers = st.integers(min_value=-(2**63), max_value=2**63 - 1)
_moments = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.sampled_from((UTC, timezone(timedelta(minutes=-90)))),
) | st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
_line = {
    "name": st.none() | _texts,
    "quantity": _numbers,
    "price": st.none() | _texts,
    "amount_minor": st.none() | _numbers,
    "currency": st.none() | _texts,
}
_values: Final[dict[Any, st.SearchStrategy[Any]]] = {
    str: _texts,
    int: _numbers,
    bool: st.booleans(),
    UUID: st.uuids(),
    datetime: _moments,
    dict[str, str]: st.dictionaries(_texts, _texts, max_size=2),
    Failure: st.builds(Failure, code=_texts, message=_texts, decline_code=st.none() | _texts),
    NextAction: st.fixed_dictionaries({"type": _texts, "url": st.none() | _texts}),
    InvoiceRequest: st.builds(
        InvoiceRequest, lines=st.lists(st.builds(RequestedLine, **_line), max_size=2)
    ),
}


def _views() -> st.SearchStrategy[InvoiceView]:
    """Views with random values of all fields that lists show, some of them their defaults."""
    hints, found = get_type_hints(InvoiceView), dict[str, st.SearchStrategy[Any]]()
    for one in fields(InvoiceView):
        if one.name not in _SHOWN:
            continue
        hint = hints[one.name]
        kinds = [kind for kind in _values if hint in (kind, kind | None)]
        if kinds:
            found[one.name] = _values[kinds[0]] if hint in kinds else st.none() | _values[kinds[0]]
            if one.default is not MISSING:
                found[one.name] |= st.just(one.default)
    found["lines"] = st.lists(st.fixed_dictionaries({}, optional=_line), max_size=2)
    found["origin"] = st.sampled_from(("request", "import"))
    found["status"] = st.sampled_from(_STATUSES)
    return st.builds(InvoiceView, **found)


@settings(max_examples=40)
@given(view=_views(), position=st.integers(min_value=1, max_value=2**63 - 1))
def test_stored_invoices_are_rendered_as_their_models_are(view: InvoiceView, position: int) -> None:
    stored = to_json(view)
    read = from_json(stored)
    url = _LINKS.document_url(read)
    expected = serialized(render.item(read, position=position, document_url=url))
    loaded = orjson.loads(stored)
    assert _LINKS.stored_document_urls()(loaded) == url
    assert serialized(stored_items.item(loaded, position=position, document_url=url)) == expected
    summary = _SUMMARIES.from_json(stored)
    assert (summary.app_id, summary.body) == (read.app_id, read.body)
    if read.provider_object_id is not None:
        assert serialized(admin_invoice_render.invoice(summary, name="N", pdf=url)) == serialized(
            admin_invoice_render.invoice(read, name="N", pdf=url)
        )


def test_a_field_of_an_unknown_type_is_refused_at_the_start() -> None:
    with pytest.raises(TypeError, match="no writer"):
        stored_items.writer_of(list[int])
