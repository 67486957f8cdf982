"""Everything that the service answers, declared once."""

from functools import cache
from typing import Final

from service.openapi.building import build
from service.openapi.declaring import Json, Operation
from service.openapi.operations import invoices, service, tenants

TAGS: Final = {
    invoices.TAG: "What tenants owe: asked for, looked at, listed.",
    tenants.TAG: "Who is billed.",
    service.INBOX: "What providers send.",
    service.TAG: "For machines and readers; none of it needs a key.",
}

OPERATIONS: Final[tuple[Operation, ...]] = (
    *invoices.OPERATIONS,
    *tenants.OPERATIONS,
    *service.OPERATIONS,
)


@cache
def document(public_url: str) -> Json:
    """Give the OpenAPI document; it is the same for every request."""
    return build(OPERATIONS, tags=TAGS, public_url=public_url)
