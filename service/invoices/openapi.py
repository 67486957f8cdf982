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
from service.openapi.error_responses import KEYED_ERRORS, READ_ERRORS, error_responses

TAG: Final = "Invoices"
_APP: Final = "/api/v1/apps/{appUuid}"
_TENANT: Final = _APP + "/tenants/{tenantUuid}"
_PROVIDER: Final = _TENANT + "/payment-providers/{paymentProvider}/invoices"
_ABOUT_LISTS: Final = (
    "Paginate with `cursor`, which stays valid while invoices are added. Filters are combined "
    "with AND. A list has either test or live invoices."
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
    summary="Create an invoice and charge it",
    description="The request is recorded, then carried out by a worker. The response has the "
    "outcome, or is 202 when the wait ends first. A line has a catalogue price, or "
    "a unit amount `amountMinor` in minor units with its currency. If neither the "
    "request nor the customer has a payment method, the invoice stays open and the "
    "customer pays at `nextAction.url`.",
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
            "Recorded; the outcome is pending. Poll `Location`.",
            RequestedInvoices,
            headers=(ALWAYS_POSITION, LOCATION, REPLAYED, RETRY_AFTER),
            requested=invoices_openapi_examples.REQUESTED,
        ),
        **error_responses(_PROVIDER, *KEYED_ERRORS, "declined"),
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
    summary="Retrieve an invoice, now or as of a time",
    security=openapi_common.OF_TENANT,
    query=GetQuery,
    responses={
        S.OK: json_response(
            "The invoice.", SingleInvoices, headers=(LAG_MS,), paid=invoices_openapi_examples.SINGLE
        ),
        **error_responses(_APP, *READ_ERRORS, "read_model_behind", "history_detached"),
    },
)

_TIMELINE: Final = Operation(
    method="GET",
    path=_APP + "/invoices/{invoiceUuid}/events",
    id="listInvoiceEvents",
    tag=TAG,
    summary="List the events of an invoice, oldest first",
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
