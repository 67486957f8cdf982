from http import HTTPStatus as S
from typing import Final

from service.http.queries import GetQuery, ListQuery, ReadQuery
from service.invoices import openapi_examples as invoices_openapi_examples
from service.invoices.response_schemas import (
    InvoicePage,
    RequestedInvoices,
    SingleInvoices,
    Timeline,
)
from service.invoices.schemas import InvoiceRequestBody
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
    Content,
    DeclaredResponse,
    Operation,
    json_body,
    json_response,
)
from service.openapi.error_responses import READ_ERRORS, WRITE_ERRORS, error_responses

TAG: Final = "Invoices"
_APP: Final = "/api/v1/apps/{appUuid}"
_TENANT: Final = _APP + "/tenants/{tenantUuid}"
_PROVIDER: Final = _TENANT + "/payment-providers/{paymentProvider}/invoices"
_ABOUT_LISTS: Final = (
    "Pages are asked for by `cursor`, which stays right while invoices are added. Filters narrow "
    "the list together; test money and real money are never in one list."
)


def _listed(path: str) -> dict[int, DeclaredResponse]:
    page = DeclaredResponse(
        description="A page of the list; as CSV, the whole list.",
        headers=(LAG_MS,),
        content={
            JSON: Content(model=InvoicePage, examples={"a_page": invoices_openapi_examples.PAGE}),
            "text/csv": Content(
                schema={"type": "string"}, examples={"the_list": invoices_openapi_examples.CSV}
            ),
        },
    )
    return {S.OK: page, **error_responses(path, *READ_ERRORS, "read_model_behind")}


_CREATE: Final = Operation(
    method="POST",
    path=_PROVIDER,
    id="createInvoice",
    tag=TAG,
    summary="Ask for an invoice and its payment",
    description="Recorded first, then carried out; answered when the outcome is known, or with "
    "202 after the wait. A line is a catalogue price, or an amount in minor units with its "
    "currency; `amountMinor` is the unit amount. Without a payment method anywhere the invoice "
    "is left open, and `nextAction.url` is where the customer pays.",
    security=openapi_common.OF_APP,
    headers=(IDEMPOTENCY_KEY, PREFER),
    body=json_body(
        InvoiceRequestBody,
        a_price_of_the_catalogue=invoices_openapi_examples.REQUEST_BODY,
        an_amount=invoices_openapi_examples.REQUEST_BODY_WITH_AMOUNT,
    ),
    responses={
        S.OK: json_response(
            "The outcome.",
            RequestedInvoices,
            headers=(ALWAYS_POSITION, LOCATION, REPLAYED),
            paid=invoices_openapi_examples.PAID,
        ),
        S.ACCEPTED: json_response(
            "Recorded; the outcome is not known yet. Look at `Location`.",
            RequestedInvoices,
            headers=(ALWAYS_POSITION, LOCATION, REPLAYED, RETRY_AFTER),
            requested=invoices_openapi_examples.REQUESTED,
        ),
        **error_responses(_PROVIDER, *WRITE_ERRORS, "declined", "key_reused"),
    },
)

_LISTS: Final = tuple(
    Operation(
        method="GET",
        path=path,
        id=name,
        tag=TAG,
        summary=summary,
        description=_ABOUT_LISTS,
        security=openapi_common.OF_TENANT,
        query=ListQuery,
        excluded_parameters=() if path == _PROVIDER else ("page",),
        responses=_listed(path),
    )
    for path, name, summary in (
        (_PROVIDER, "listProviderInvoices", "List a tenant's invoices at a provider"),
        (_TENANT + "/invoices", "listTenantInvoices", "List a tenant's invoices"),
        (_APP + "/invoices", "listInvoices", "List the app's invoices"),
    )
)

_GET: Final = Operation(
    method="GET",
    path=_APP + "/invoices/{invoiceUuid}",
    id="getInvoice",
    tag=TAG,
    summary="Show one invoice with all that is known of it, or was known at a moment",
    security=openapi_common.OF_TENANT,
    query=GetQuery,
    responses={
        S.OK: json_response(
            "The invoice.", SingleInvoices, headers=(LAG_MS,), paid=invoices_openapi_examples.SINGLE
        ),
        **error_responses(_APP, *READ_ERRORS, "read_model_behind"),
    },
)

_TIMELINE: Final = Operation(
    method="GET",
    path=_APP + "/invoices/{invoiceUuid}/events",
    id="getInvoiceEvents",
    tag=TAG,
    summary="Show what happened to an invoice, in order",
    security=openapi_common.OF_TENANT,
    query=ReadQuery,
    responses={
        S.OK: json_response(
            "The timeline.",
            Timeline,
            headers=(LAG_MS,),
            a_payment=invoices_openapi_examples.TIMELINE,
        ),
        **error_responses(_APP, *READ_ERRORS, "read_model_behind"),
    },
)

OPERATIONS: Final = (_CREATE, *_LISTS, _GET, _TIMELINE)
