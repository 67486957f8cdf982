"""Accepted requests can be folded, shown and read; signed webhooks can be stored."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.invoices.commands import RequestInvoice
from domain.invoices.fold import fold
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import first_outcome
from eventlog.codec import Codec
from projections.engine.view_codec import from_json, to_json
from service.http import canonical_errors
from service.http.errors import BadRequest, Problem
from service.http.responses import serialized
from service.http.validation import is_safe, validate
from service.invoices import render as invoices_render
from service.invoices.schemas import InvoiceRequestBody
from tests.service.harness import Shop, stripe_event
from tests.service.running_service import Service

TENANT = uuid4()
CODEC = Codec()

plain = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
tokens = st.from_regex(r"[\x21-\x7e]{1,30}", fullmatch=True)
odd = st.sampled_from(["a\x00", "\ud800", "\x1b[0m", "x" * 2000, "", "\u2028", "\x85"])
texts = st.one_of(plain, plain, plain, odd)
integers = st.one_of(st.integers(), st.sampled_from([0, 1, 99_999_999, 10**8, 2**63, -1]))
scalars = st.one_of(
    st.none(), st.booleans(), integers, texts, st.floats(allow_nan=False, allow_infinity=False)
)

good_lines = st.one_of(
    st.fixed_dictionaries(
        {"amountMinor": st.integers(0, 99_999_999), "currency": st.sampled_from(["eur", "EUR"])},
        optional={"name": plain, "quantity": st.integers(1, 1_000_000)},
    ),
    st.fixed_dictionaries({"price": tokens}, optional={"name": plain}),
)
good_bodies = st.fixed_dictionaries(
    {
        "tenantUuid": st.just(str(TENANT)),
        "lineItems": st.lists(good_lines, min_size=1, max_size=4),
        "type": st.just("payment"),
    },
    optional={
        "taxRateId": tokens,
        "paymentMethod": tokens,
        "userId": plain,
        "footer": plain,
        "description": plain,
        "metadata": st.dictionaries(plain, plain, max_size=4),
        "redirectUrl": st.just("https://a.test/x?y#z"),
        "test": st.booleans(),
        "expectedTotalMinor": st.integers(0, 2**63 - 1),
    },
)
wild_lines = st.dictionaries(
    st.sampled_from(["name", "price", "amountMinor", "currency", "quantity"]), scalars
)
changes = st.dictionaries(
    st.sampled_from(["userId", "footer", "description", "taxRateId", "metadata", "x", "test"]),
    st.one_of(scalars, st.dictionaries(texts, scalars, max_size=2)),
    max_size=2,
)
wild_bodies = st.builds(
    lambda body, changed, lines: body | changed | ({"lineItems": lines} if lines else {}),
    *(good_bodies, changes, st.lists(wild_lines, max_size=3)),
)


def accepted(body: Any) -> InvoiceRequestBody:
    try:
        return validate(InvoiceRequestBody, body, context={"tenant_id": TENANT})
    except BadRequest as refused:
        document = canonical_errors.render_problem(_problem(refused)).document
        assert serialized(document)
        assume(False)
        raise


def _problem(refused: BadRequest) -> Any:
    return Problem(status=400, code="[E4000]", faults=refused.faults)


@settings(max_examples=100)
@given(body=st.one_of(good_bodies, good_bodies, wild_bodies))
def test_any_accepted_body_can_be_recorded_folded_and_shown(body: Any) -> None:
    expected = accepted(body)
    command = RequestInvoice(
        invoice_id=uuid4(),
        app_id=uuid4(),
        tenant_id=TENANT,
        provider="stripe",
        connection="stripe-1",
        connection_id=uuid4(),
        mode="test",
        dialect="002",
        type=expected.type,
        lines=[line.to_event() for line in expected.line_items],
        tax_rate_id=expected.tax_rate_id,
        payment_method=expected.payment_method,
        user_id=expected.user_id,
        footer=expected.footer,
        description=expected.description,
        metadata=expected.metadata,
        redirect_url=expected.redirect_url,
        expected_total_minor=expected.expected_total_minor,
        request_hash="0",
        actor="key:1",
    )
    (event,) = Invoice.request(command, occurred_at=datetime.now(UTC)).collect_events()
    again: Any = CODEC.decode(CODEC.encode(event))
    view = fold(None, again)
    assert first_outcome([again]) is None
    assert from_json(to_json(view)) == view
    shown = orjson.loads(serialized(invoices_render.item(view, position=1, document_url=None)))
    assert shown["metadata"] == body.get("metadata", {})
    assert is_safe("".join(_strings(shown)))


json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=30)
@given(
    about=st.dictionaries(texts, json_values, max_size=4),
    secret=st.sampled_from([{}, {"client_secret": "pi_1_secret_y"}]),
)
def test_any_signed_event_is_stored_clean_and_can_be_read(
    service: Service, shop: Shop, about: Any, secret: Any
) -> None:
    event = stripe_event(about={**about, **secret, "object": "invoice", "id": "in_1"})
    assert shop.deliver(event).status_code == 200
    (received,) = shop.received(event["id"])
    stored = service.call(service.context.recording.log.body_async(bytes.fromhex(received.body)))
    kept = orjson.loads(stored or b"")
    assert kept["id"] == event["id"]
    assert "client_secret" not in kept["data"]["object"]
    assert is_safe("".join(_strings(kept)))


@settings(max_examples=25)
@given(body=st.one_of(good_bodies, wild_bodies))
def test_any_body_is_answered_and_the_read_model_continues(
    service: Service, shop: Shop, body: Any
) -> None:
    sent = body | {"tenantUuid": str(shop.tenant_id)}
    response = service.request(
        "POST",
        shop.invoices_url,
        content=json.dumps(sent).encode(),
        headers=shop.headers(content_type="application/json", prefer="respond-async"),
    )
    assert response.status_code in {202, 400}
    if response.status_code == 202:
        (item,) = response.json()["items"]
        service.wait_for_projection("invoices")
        assert shop.get(f"{shop.url}/invoices/{UUID(item['id'])}").status_code == 200


@pytest.mark.parametrize("code", [0x00, 0x1F, 0x7F, 0x80, 0x9F, 0xD800, 0xDFFF])
def test_each_end_of_the_unsafe_ranges_is_unsafe(code: int) -> None:
    assert not is_safe(f"a{chr(code)}b")


@pytest.mark.parametrize("value", [" ", "~", "\xa0", "\ud7ff", "\ue000", "\U0001f600"])
def test_values_just_beyond_the_limits_are_safe(value: str) -> None:
    assert is_safe(f"a{value}b")


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *_strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []
