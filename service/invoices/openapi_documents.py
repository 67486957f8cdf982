from http import HTTPStatus as S
from typing import Final

from service.openapi import common as openapi_common
from service.openapi.common import ADDRESS
from service.openapi.declare import Answer, Content, Operation
from service.openapi.error_responses import ANY, ASKING, CALLING, error_answers

TAG: Final = "Documents"
_OF_INVOICE: Final = "/api/v1/apps/{appUuid}/invoices/{invoiceUuid}/document"
_BY_LINK: Final = "/d/{token}"
_RETURN: Final = "/return/{token}"
_ELSEWHERE: Final = Answer(description="The document is at `Location`.", headers=(ADDRESS,))
_PAGE: Final = Answer(
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
        answers={S.FOUND: _ELSEWHERE, **error_answers(_OF_INVOICE, *CALLING, *ASKING)},
    ),
    Operation(
        method="GET",
        path=_BY_LINK,
        id="openDocument",
        tag=TAG,
        summary="Lead whoever has the link to the provider's document",
        description="An invoice's `documentUrl`: for customers, who have no key.",
        answers={S.FOUND: _ELSEWHERE, **error_answers(_BY_LINK, *ANY, *ASKING, "missing")},
    ),
    Operation(
        method="GET",
        path=_RETURN,
        id="showReturn",
        tag=TAG,
        summary="Show a customer who comes back from paying how the payment stands",
        answers={S.OK: _PAGE, **error_answers(_RETURN, *ANY, "missing")},
    ),
)
