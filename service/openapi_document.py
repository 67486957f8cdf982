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
    invoices_openapi.TAG: "Create, read and list invoices, and act on them (seed 002).",
    subscriptions_openapi.TAG: "Read, list, cancel and change subscriptions.",
    reports_openapi.TAG: "Event feed, summaries and revenue.",
    webhooks_openapi.TAG: "The inbox of provider events: list, read and replay.",
    openapi_documents.TAG: "Documents and pages for customers.",
    tenants_openapi.TAG: "The tenants that are billed, and their payment methods.",
    catalogue_openapi.TAG: "Prices and tax rates for Mollie.",
    work_openapi.TAG: "Open jobs, and jobs that gave up and wait for an operator.",
    apps_openapi.TAG: "The app's settings, API keys and payment connections.",
    dialects_openapi.CHARGES: "The contracts of seeds 000 and 001.",
    dialects_openapi.DRAFTS: "The contracts of seeds 003 and 004.",
    openapi_inbox.TAG: "Webhook endpoints for the providers.",
    operations_openapi.TAG: "Health, metrics and documentation; no key is needed.",
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
