"""The contracts of seeds 000, 001, 003 and 004, as their callers already know them."""

from http import HTTPStatus as S
from typing import Final

from service.dialects import openapi_schemas as examples
from service.dialects import openapi_schemas as shapes
from service.dialects.admin_invoices import AdminListQuery, AdminReadQuery
from service.dialects.stripe_charge import StripeInvoiceBody
from service.dialects.stripe_draft import PendingItemsBody, PendingItemsQuery
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
from service.openapi.common_schemas import ResponseModel
from service.openapi.declare import (
    JSON,
    Answer,
    Body,
    Content,
    Operation,
    json_answer,
    json_body,
)
from service.openapi.error_responses import CALLING, WRITING, error_answers

CHARGES: Final = "Charges on the spot"
DRAFTS: Final = "Drafts at Stripe"
_CHARGE: Final = "/v1/tenants/{tenantId}/stripe-invoices"
_CHARGE_FOR_TENANT: Final = "/api/v1/tenants/{tenantId}/stripe-invoices"
_ADMIN: Final = "/admin/api/invoices"
_ONE: Final = "/admin/api/invoices/{id}"
_GATHER: Final = "/stripe/invoices"

_DONE: Final = (ALWAYS_POSITION, LOCATION, REPLAYED)
_PENDING: Final = (*_DONE, RETRY_AFTER)
_ASKING: Final = (IDEMPOTENCY_KEY, PREFER)
_ABOUT_CHARGES: Final = (
    "Charges the customer's default payment method; without any, it is 400 before anything is "
    "made. A payment that its bank wants confirmed is 201 with `requires_action`."
)


def _pending(model: type[ResponseModel], example: object) -> Answer:
    return json_answer(
        "Recorded; the outcome is not known yet. Look at `Location`.",
        model,
        headers=_PENDING,
        pending=example,
    )


def _charge(
    path: str, name: str, summary: str, *, done: Answer, pending: Answer, tokens: bool
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
        headers=_ASKING,
        body=json_body(StripeInvoiceBody, one_unit=examples.CHARGE),
        answers={
            S.CREATED: done,
            S.ACCEPTED: pending,
            **error_answers(path, *WRITING, "declined", "key_reused", "forbidden"),
        },
    )


_DRAFTED: Final = json_answer(
    "Stripe's invoice, a draft.",
    shapes.StripeInvoice,
    headers=_DONE,
    a_draft=examples.OLDER_INVOICE,
)
_DRAFT_PENDING: Final = _pending(shapes.PendingInvoice, examples.PENDING_INVOICE)

OPERATIONS: Final = (
    _charge(
        _CHARGE,
        "chargeTenant",
        "Charge a tenant, or let it charge itself with a token (seed 000)",
        done=json_answer("The payment.", shapes.Charged, headers=_DONE, charged=examples.CHARGED),
        pending=_pending(shapes.ChargePending, examples.CHARGE_PENDING),
        tokens=True,
    ),
    _charge(
        _CHARGE_FOR_TENANT,
        "chargeTenantByKey",
        "Charge a tenant (seed 001)",
        done=json_answer(
            "The payment.",
            shapes.ChargedForTenant,
            headers=_DONE,
            charged=examples.CHARGED_FOR_TENANT,
        ),
        pending=_pending(shapes.ChargeForTenantPending, examples.CHARGE_FOR_TENANT_PENDING),
        tokens=False,
    ),
    Operation(
        method="POST",
        path=_ADMIN,
        id="createAdminInvoice",
        tag=DRAFTS,
        summary="Leave a draft that Stripe finalises and charges by itself (seed 003)",
        description="At the app's default Stripe connection. The result comes by webhook.",
        security=(openapi_common.ADMIN_KEY,),
        headers=_ASKING,
        body=json_body(shapes.DraftAsk, bare=examples.DRAFT, wrapped={"data": examples.DRAFT}),
        answers={
            S.OK: _DRAFTED,
            S.ACCEPTED: _DRAFT_PENDING,
            **error_answers(_ADMIN, *WRITING, "declined", "key_reused"),
        },
    ),
    Operation(
        method="GET",
        path=_ADMIN,
        id="listAdminInvoices",
        tag=DRAFTS,
        summary="List the invoices that Stripe has (seed 003)",
        security=(openapi_common.ADMIN_KEY,),
        query=AdminListQuery,
        query_words={"page": "The page, counted from 1."},
        answers={
            S.OK: json_answer(
                "A page, newest first.",
                shapes.AdminInvoices,
                headers=(LAG_MS,),
                one={"invoices": [examples.ADMIN_INVOICE], "count": 1},
            ),
            **error_answers(_ADMIN, *CALLING, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_ONE,
        id="getAdminInvoice",
        tag=DRAFTS,
        summary="Show an invoice that Stripe has (seed 003)",
        security=(openapi_common.ADMIN_KEY,),
        query=AdminReadQuery,
        query_words={"page": "Means nothing here.", "limit": "Means nothing here."},
        answers={
            S.OK: json_answer(
                "The invoice.", shapes.AdminInvoice, headers=(LAG_MS,), paid=examples.ADMIN_INVOICE
            ),
            **error_answers(_ONE, *CALLING, "read_model_behind"),
        },
    ),
    Operation(
        method="POST",
        path=_GATHER,
        id="gatherInvoice",
        tag=DRAFTS,
        summary="Leave a draft that gathers a customer's pending items (seed 004)",
        description="One at a time for each customer; without pending items it is empty.",
        security=(openapi_common.CONNECTION_KEY,),
        query=PendingItemsQuery,
        query_words={
            "name": "The slug of the key's app.",
            "connection_name": "The payment connection.",
        },
        headers=_ASKING,
        body=Body(
            content={
                shapes.FORM: Content(model=PendingItemsBody, examples={"form": examples.GATHER}),
                JSON: Content(model=PendingItemsBody, examples={"json": examples.GATHER}),
            }
        ),
        answers={
            S.OK: _DRAFTED,
            S.ACCEPTED: _DRAFT_PENDING,
            **error_answers(_GATHER, *WRITING, "declined", "key_reused"),
        },
    ),
)
