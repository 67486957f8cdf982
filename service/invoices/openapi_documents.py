from http import HTTPStatus as S
from typing import Final

from service.openapi import common as openapi_common
from service.openapi.common import ADDRESS
from service.openapi.declare import Content, DeclaredResponse, Operation
from service.openapi.error_responses import ANY_ERRORS, LOOKUP_ERRORS, READ_ERRORS, error_responses

TAG: Final = "Documents"
_OF_INVOICE: Final = "/api/v1/apps/{appUuid}/invoices/{invoiceUuid}/document"
_LINK: Final = "/d/{token}"
_RETURN: Final = "/return/{token}"
_ELSEWHERE: Final = DeclaredResponse(
    description="The document is at `Location`.", headers=(ADDRESS,)
)
_PAGE: Final = DeclaredResponse(
    description="An HTML page.", content={"text/html": Content(schema={"type": "string"})}
)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_OF_INVOICE,
        id="getInvoiceDocument",
        tag=TAG,
        summary="Redirect to the provider's document of an invoice",
        description="The provider's links expire, so each call fetches a new one.",
        security=openapi_common.OF_TENANT,
        responses={
            S.FOUND: _ELSEWHERE,
            **error_responses(_OF_INVOICE, *READ_ERRORS, *LOOKUP_ERRORS),
        },
    ),
    Operation(
        method="GET",
        path=_LINK,
        id="openDocument",
        tag=TAG,
        summary="Redirect a customer to the provider's document",
        description="The target of an invoice's `documentUrl`, for customers without an API key.",
        responses={
            S.FOUND: _ELSEWHERE,
            **error_responses(_LINK, *ANY_ERRORS, *LOOKUP_ERRORS, "missing"),
        },
    ),
    Operation(
        method="GET",
        path=_RETURN,
        id="getReturnPage",
        tag=TAG,
        summary="Show the payment's status to a customer who returns from paying",
        responses={S.OK: _PAGE, **error_responses(_RETURN, *ANY_ERRORS, "missing")},
    ),
)
