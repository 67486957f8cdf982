"""Everything that the service answers, declared once."""

from functools import cache
from typing import Final

from service.openapi.building import build
from service.openapi.declaring import Json, Operation
from service.openapi.operations import (
    access,
    catalogue,
    deliveries,
    dialects,
    documents,
    invoice_actions,
    invoices,
    method_setups,
    reports,
    service,
    subscriptions,
    tenants,
    work,
)

TAGS: Final = {
    invoices.TAG: "What tenants owe: asked for, looked at, listed (seed 002).",
    subscriptions.TAG: "What is billed again and again.",
    reports.TAG: "What happens, and what it comes to.",
    deliveries.TAG: "What providers sent, and what became of it.",
    documents.TAG: "Invoices as customers get to see them.",
    tenants.TAG: "Who is billed.",
    catalogue.TAG: "What things cost, and how they are taxed.",
    work.TAG: "What is not done yet, and what gave up and waits for somebody to look.",
    access.TAG: "What an administrator sets.",
    dialects.CHARGES: "The contracts of seeds 000 and 001.",
    dialects.DRAFTS: "The contracts of seeds 003 and 004.",
    service.INBOX: "What providers send.",
    service.TAG: "For machines and readers; none of it needs a key.",
}

OPERATIONS: Final[tuple[Operation, ...]] = (
    *invoices.OPERATIONS,
    *invoice_actions.OPERATIONS,
    *subscriptions.OPERATIONS,
    *reports.OPERATIONS,
    *deliveries.OPERATIONS,
    *documents.OPERATIONS,
    *tenants.OPERATIONS,
    *method_setups.OPERATIONS,
    *catalogue.OPERATIONS,
    *work.OPERATIONS,
    *access.OPERATIONS,
    *dialects.OPERATIONS,
    *service.OPERATIONS,
)


@cache
def document(public_url: str) -> Json:
    """Give the OpenAPI document; it is the same for every request."""
    return build(OPERATIONS, tags=TAGS, public_url=public_url)
