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
    description="A page for people.", content={"text/html": Content(schema={"type": "string"})}
)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_OF_INVOICE,
        id="getDocument",
        tag=TAG,
        summary="Lead to the provider's document",
        description="The provider's own links expire, so a fresh one is asked for each time.",
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
        summary="Lead whoever has the link to the provider's document",
        description="An invoice's `documentUrl`: for customers, who have no key.",
        responses={
            S.FOUND: _ELSEWHERE,
            **error_responses(_LINK, *ANY_ERRORS, *LOOKUP_ERRORS, "missing"),
        },
    ),
    Operation(
        method="GET",
        path=_RETURN,
        id="showReturn",
        tag=TAG,
        summary="Show a customer who comes back from paying how the payment stands",
        responses={S.OK: _PAGE, **error_responses(_RETURN, *ANY_ERRORS, "missing")},
    ),
)
