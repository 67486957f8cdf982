from typing import Final

from starlette.routing import Route

from service.endpoints.create_invoice import create_invoice
from service.endpoints.get_invoice import get_invoice, get_invoice_events
from service.endpoints.list_invoices import (
    list_app_invoices,
    list_provider_invoices,
    list_tenant_invoices,
)
from service.endpoints.operations import healthz, metrics, readyz
from service.endpoints.tenants import get_tenant, put_tenant
from service.endpoints.webhooks import receive_webhook

_APP: Final = "/api/v1/apps/{appUuid}"
_TENANT: Final = _APP + "/tenants/{tenantUuid}"
_AT_PROVIDER: Final = _TENANT + "/payment-providers/{paymentProvider}/invoices"

# Two routes of one path: Starlette tries the second where the first has another method.
ROUTES: Final = [
    Route(_AT_PROVIDER, create_invoice, methods=["POST"]),
    Route(_AT_PROVIDER, list_provider_invoices, methods=["GET"]),
    Route(_TENANT + "/invoices", list_tenant_invoices, methods=["GET"]),
    Route(_TENANT, put_tenant, methods=["PUT"]),
    Route(_TENANT, get_tenant, methods=["GET"]),
    Route(_APP + "/invoices", list_app_invoices, methods=["GET"]),
    Route(_APP + "/invoices/{invoiceUuid}", get_invoice, methods=["GET"]),
    Route(_APP + "/invoices/{invoiceUuid}/events", get_invoice_events, methods=["GET"]),
    Route("/webhooks/{provider}/{connectionId}", receive_webhook, methods=["POST"]),
    Route("/healthz", healthz, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
]
