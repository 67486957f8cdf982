"""The OpenAPI document of all operations."""

from functools import cache
from typing import Final

from service.apps import openapi as apps_openapi
from service.catalogue import openapi as catalogue_openapi
from service.dialects import openapi as dialects_openapi
from service.invoices import openapi as invoices_openapi
from service.invoices import openapi_actions, openapi_documents
from service.openapi.build import build
from service.openapi.declare import Json, Operation
from service.operations import openapi as operations_openapi
from service.payment_methods import openapi as payment_methods_openapi
from service.reports import openapi as reports_openapi
from service.subscriptions import openapi as subscriptions_openapi
from service.tenants import openapi as tenants_openapi
from service.webhooks import openapi as webhooks_openapi
from service.webhooks import openapi_inbox
from service.work import openapi as work_openapi

TAGS: Final = {
    invoices_openapi.TAG: "What tenants owe: asked for, looked at, listed (seed 002).",
    subscriptions_openapi.TAG: "What is billed again and again.",
    reports_openapi.TAG: "What happens, and what it comes to.",
    webhooks_openapi.TAG: "What providers sent, and what became of it.",
    openapi_documents.TAG: "Invoices as customers get to see them.",
    tenants_openapi.TAG: "Who is billed.",
    catalogue_openapi.TAG: "What things cost, and how they are taxed.",
    work_openapi.TAG: "What is not done yet, and what gave up and waits for somebody to look.",
    apps_openapi.TAG: "What an administrator sets.",
    dialects_openapi.CHARGES: "The contracts of seeds 000 and 001.",
    dialects_openapi.DRAFTS: "The contracts of seeds 003 and 004.",
    openapi_inbox.TAG: "What providers send.",
    operations_openapi.TAG: "For machines and readers; none of it needs a key.",
}

OPERATIONS: Final[tuple[Operation, ...]] = (
    *invoices_openapi.OPERATIONS,
    *openapi_actions.OPERATIONS,
    *subscriptions_openapi.OPERATIONS,
    *reports_openapi.OPERATIONS,
    *webhooks_openapi.OPERATIONS,
    *openapi_documents.OPERATIONS,
    *tenants_openapi.OPERATIONS,
    *payment_methods_openapi.OPERATIONS,
    *catalogue_openapi.OPERATIONS,
    *work_openapi.OPERATIONS,
    *apps_openapi.OPERATIONS,
    *dialects_openapi.OPERATIONS,
    *openapi_inbox.OPERATIONS,
    *operations_openapi.OPERATIONS,
)


@cache
def document(public_url: str) -> Json:
    """Return the OpenAPI document; it is built once."""
    return build(OPERATIONS, tags=TAGS, public_url=public_url)
