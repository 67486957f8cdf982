"""Every message of a wrong value says what is wanted, in words that a caller knows."""

from typing import Any

import pytest
from pydantic import BaseModel

from service.apps.app_endpoints import AppChanges
from service.http.errors import BadRequest
from service.http.validation import validate
from service.invoices.schemas import InvoiceRequestBody, RefundBody
from service.tenants.endpoints import TenantBody


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (TenantBody, [], "the body must be a JSON object"),
        (TenantBody, {"email": "nobody"}, "email: must be an e-mail address"),
        (TenantBody, {"country": "nl"}, "country: must be two capital letters, like NL"),
        (TenantBody, {"providerCustomers": ["x"]}, "providerCustomers.0: must be a JSON object"),
        (RefundBody, "all", "the body must be a JSON object"),
        (InvoiceRequestBody, {"redirectUrl": "shop"}, "redirectUrl: must be an http or https URL"),
        (AppChanges, {"slug": "My Shop"}, "slug: must be small letters and digits, with single"),
        (AppChanges, {"allowedOrigins": ["shop/"]}, "allowedOrigins.0: must be an origin"),
        (AppChanges, {"tokens": {"claims": []}}, "tokens.claims: must be a JSON object"),
    ],
)
def test_a_message_names_no_pattern_and_no_class(
    kind: type[BaseModel], given: Any, message: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        validate(kind, given)
    assert any(one.message.startswith(message) for one in refused.value.faults)
