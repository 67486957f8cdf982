"""OpenAPI operations of seeds 000, 001, 003 and 004."""

from http import HTTPStatus as S
from typing import Final

from service.dialects import openapi_examples as examples
from service.dialects import response_schemas as schemas
from service.dialects.admin_invoices import AdminListQuery, AdminReadQuery
from service.dialects.schemas import (
    FORM,
    DraftRequest,
    PendingItemsBody,
    PendingItemsQuery,
    StripeInvoiceBody,
)
from service.http.response_model import ResponseModel
from service.openapi import common as openapi_common
from service.openapi.common import (
    ALWAYS_POSITION,
    IDEMPOTENCY_KEY,
    LAG_MS,
    LOCATION,
    PREFER,
    REPLAYED,
    RETRY_AFTER,
)
from service.openapi.declare import (
    JSON,
    Body,
    Content,
    DeclaredResponse,
    Operation,
    json_body,
    json_response,
)
from service.openapi.error_responses import KEYED_ERRORS, READ_ERRORS, error_responses

CHARGES: Final = "Charges on the spot"
DRAFTS: Final = "Drafts at Stripe"
_CHARGE: Final = "/v1/tenants/{tenantId}/stripe-invoices"
_CHARGE_FOR_TENANT: Final = "/api/v1/tenants/{tenantId}/stripe-invoices"
_ADMIN: Final = "/admin/api/invoices"
_ONE: Final = "/admin/api/invoices/{id}"
_PENDING_ITEMS: Final = "/stripe/invoices"

_RECORDED: Final = (ALWAYS_POSITION, LOCATION, REPLAYED)
_PENDING: Final = (*_RECORDED, RETRY_AFTER)
_REQUEST_HEADERS: Final = (IDEMPOTENCY_KEY, PREFER)
_ABOUT_CHARGES: Final = (
    "Charges the customer's default payment method; without one the response is 400 and "
    "nothing is created. A payment that requires authentication is 201 with `requires_action`."
)


def _pending(model: type[ResponseModel], example: object) -> DeclaredResponse:
    return json_response(
        "Recorded; the outcome is pending. Poll `Location`.",
        model,
        headers=_PENDING,
        pending=example,
    )


def _charge(
    path: str,
    name: str,
    summary: str,
    *,
    succeeded: DeclaredResponse,
    pending: DeclaredResponse,
    tokens: bool,
) -> Operation:
    more = (openapi_common.ACCESS_TOKEN,) if tokens else ()
    return Operation(
        method="POST",
        path=path,
        id=name,
        tag=CHARGES,
        summary=summary,
        description=_ABOUT_CHARGES,
        security=(openapi_common.APP_KEY, *more),
        headers=_REQUEST_HEADERS,
        body=json_body(StripeInvoiceBody, one_unit=examples.CHARGE),
        responses={
            S.CREATED: succeeded,
            S.ACCEPTED: pending,
            **error_responses(path, *KEYED_ERRORS, "declined", "forbidden"),
        },
    )


_DRAFTED: Final = json_response(
    "The draft at Stripe.",
    schemas.StripeInvoice,
    headers=_RECORDED,
    a_draft=examples.OLDER_INVOICE,
)
_DRAFT_PENDING: Final = _pending(schemas.PendingInvoice, examples.PENDING_INVOICE)

OPERATIONS: Final = (
    _charge(
        _CHARGE,
        "chargeTenant",
        "Charge a tenant, with an API key or the tenant's access token (seed 000)",
        succeeded=json_response(
            "The payment.", schemas.Charged, headers=_RECORDED, charged=examples.CHARGED
        ),
        pending=_pending(schemas.ChargePending, examples.CHARGE_PENDING),
        tokens=True,
    ),
    _charge(
        _CHARGE_FOR_TENANT,
        "chargeTenantWithKey",
        "Charge a tenant (seed 001)",
        succeeded=json_response(
            "The payment.",
            schemas.ChargedForTenant,
            headers=_RECORDED,
            charged=examples.CHARGED_FOR_TENANT,
        ),
        pending=_pending(schemas.ChargeForTenantPending, examples.CHARGE_FOR_TENANT_PENDING),
        tokens=False,
    ),
    Operation(
        method="POST",
        path=_ADMIN,
        id="createAdminInvoice",
        tag=DRAFTS,
        summary="Create a draft that Stripe finalizes and charges automatically (seed 003)",
        description="Uses the app's default Stripe connection. The outcome arrives by webhook.",
        security=(openapi_common.ADMIN_KEY,),
        headers=_REQUEST_HEADERS,
        body=json_body(DraftRequest, bare=examples.DRAFT, wrapped={"data": examples.DRAFT}),
        responses={
            S.OK: _DRAFTED,
            S.ACCEPTED: _DRAFT_PENDING,
            **error_responses(_ADMIN, *KEYED_ERRORS, "declined"),
        },
    ),
    Operation(
        method="GET",
        path=_ADMIN,
        id="listAdminInvoices",
        tag=DRAFTS,
        summary="List the invoices at Stripe (seed 003)",
        security=(openapi_common.ADMIN_KEY,),
        query=AdminListQuery,
        parameter_descriptions={"page": "The page number, from 1."},
        responses={
            S.OK: json_response(
                "A page of the list, newest first.",
                schemas.AdminInvoices,
                headers=(LAG_MS,),
                one={"invoices": [examples.ADMIN_INVOICE], "count": 1},
            ),
            **error_responses(_ADMIN, *READ_ERRORS, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_ONE,
        id="getAdminInvoice",
        tag=DRAFTS,
        summary="Retrieve an invoice at Stripe (seed 003)",
        security=(openapi_common.ADMIN_KEY,),
        query=AdminReadQuery,
        parameter_descriptions={"page": "Ignored.", "limit": "Ignored."},
        responses={
            S.OK: json_response(
                "The invoice.", schemas.AdminInvoice, headers=(LAG_MS,), paid=examples.ADMIN_INVOICE
            ),
            **error_responses(_ONE, *READ_ERRORS, "read_model_behind"),
        },
    ),
    Operation(
        method="POST",
        path=_PENDING_ITEMS,
        id="createPendingItemsDraft",
        tag=DRAFTS,
        summary="Create a draft with a customer's pending items (seed 004)",
        description="One request at a time per customer; without pending items the draft is empty.",
        security=(openapi_common.CONNECTION_KEY,),
        query=PendingItemsQuery,
        parameter_descriptions={
            "name": "The slug of the key's app.",
            "connection_name": "The payment connection.",
        },
        headers=_REQUEST_HEADERS,
        body=Body(
            content={
                FORM: Content(
                    model=PendingItemsBody, examples={"form": examples.PENDING_ITEMS_BODY}
                ),
                JSON: Content(
                    model=PendingItemsBody, examples={"json": examples.PENDING_ITEMS_BODY}
                ),
            }
        ),
        responses={
            S.OK: _DRAFTED,
            S.ACCEPTED: _DRAFT_PENDING,
            **error_responses(_PENDING_ITEMS, *KEYED_ERRORS, "declined"),
        },
    ),
)
