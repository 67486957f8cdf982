from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from service.apps.api_key_endpoints import create_key, list_keys, revoke_key, rotate_key
from service.apps.app_endpoints import get_app, patch_app
from service.apps.connection_endpoints import (
    delete_connection,
    get_connection,
    list_connections,
    put_connection,
)
from service.apps.connection_tests import post_connection_test
from service.catalogue.endpoints import get_price, get_tax_rate, put_price, put_tax_rate
from service.dialects.admin_invoices import get_admin_invoice, list_admin_invoices
from service.dialects.stripe_charge import create_stripe_invoice, create_tenant_stripe_invoice
from service.dialects.stripe_draft import create_admin_invoice, create_pending_items_draft
from service.docs.endpoints import docs, docs_viewer, openapi
from service.http.cors import answer_preflight
from service.invoices.action_endpoints import (
    capture_invoice,
    finalize_invoice,
    refund_invoice,
    retry_invoice,
    void_invoice,
    write_off_invoice,
)
from service.invoices.create import create_invoice
from service.invoices.document_endpoints import get_document, open_document, show_return
from service.invoices.list import (
    list_app_invoices,
    list_provider_invoices,
    list_tenant_invoices,
)
from service.invoices.read import get_invoice, get_invoice_events
from service.operations.endpoints import healthz, metrics, readyz
from service.payment_methods.endpoints import create_setup, get_setup
from service.reports.drift import get_drift
from service.reports.endpoints import get_revenue, get_summary
from service.reports.event_feed import list_app_events
from service.reports.mrr_movement import get_mrr_movement
from service.subscriptions.endpoints import (
    cancel_subscription,
    change_subscription,
    get_subscription,
    get_subscription_events,
    list_app_subscriptions,
    list_tenant_subscriptions,
)
from service.tenants.access_token_endpoints import create_access_token
from service.tenants.endpoints import get_tenant, put_tenant
from service.webhooks.bulk_replays import replay_deliveries
from service.webhooks.delivery_endpoints import get_delivery, list_deliveries, replay_delivery
from service.webhooks.endpoint import receive_webhook
from service.work.endpoints import list_work, resend_work

_APP: Final = "/api/v1/apps/{appUuid}"
_TENANT: Final = _APP + "/tenants/{tenantUuid}"
_INVOICE: Final = _APP + "/invoices/{invoiceUuid}"
_SUBSCRIPTION: Final = _APP + "/subscriptions/{subscriptionId}"

_READ: Final = ("GET",)

Endpoint = Callable[[Request], Awaitable[Response]]


class ApiRoute(Route):
    """A path; `browsers` names the methods that pages of other origins may use."""

    browsers: tuple[str, ...] = ()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by the path alone, so that a later path with a parameter does not take it over."""
        match, child_scope = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL else match), child_scope


def _route(path: str, *, browsers: tuple[str, ...] = (), **endpoints: Endpoint) -> ApiRoute:
    """Serve a path by method, in one route, so that a 405 lists all its methods."""
    if browsers:
        endpoints["OPTIONS"] = answer_preflight

    async def serve(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await endpoints[method](request)

    route = ApiRoute(path, serve, methods=list(endpoints))
    route.browsers = browsers
    return route


WEBHOOKS_ROUTE: Final = _route("/webhooks/{provider}/{connectionId}", POST=receive_webhook)
ROUTES: Final = [
    WEBHOOKS_ROUTE,
    _route(
        _TENANT + "/payment-providers/{paymentProvider}/invoices",
        POST=create_invoice,
        GET=list_provider_invoices,
        browsers=_READ,
    ),
    _route(_TENANT + "/invoices", GET=list_tenant_invoices, browsers=_READ),
    _route(_TENANT, PUT=put_tenant, GET=get_tenant, browsers=_READ),
    _route(_TENANT + "/payment-methods/setup", POST=create_setup),
    _route(_TENANT + "/payment-methods/setup/{setupUuid}", GET=get_setup, browsers=_READ),
    _route(_APP + "/invoices", GET=list_app_invoices, browsers=_READ),
    _route(_APP + "/invoices/{invoiceUuid}", GET=get_invoice, browsers=_READ),
    _route(_APP + "/invoices/{invoiceUuid}/events", GET=get_invoice_events, browsers=_READ),
    _route(_INVOICE + "/retry", POST=retry_invoice),
    _route(_INVOICE + "/void", POST=void_invoice),
    _route(_INVOICE + "/finalize", POST=finalize_invoice),
    _route(_INVOICE + "/mark-uncollectible", POST=write_off_invoice),
    _route(_INVOICE + "/capture", POST=capture_invoice),
    _route(_INVOICE + "/refunds", POST=refund_invoice),
    _route(_APP + "/subscriptions", GET=list_app_subscriptions, browsers=_READ),
    _route(_TENANT + "/subscriptions", GET=list_tenant_subscriptions, browsers=_READ),
    _route(_SUBSCRIPTION, GET=get_subscription, browsers=_READ),
    _route(_SUBSCRIPTION + "/events", GET=get_subscription_events, browsers=_READ),
    _route(_SUBSCRIPTION + "/cancel", POST=cancel_subscription),
    _route(_SUBSCRIPTION + "/change", POST=change_subscription),
    _route(_APP + "/events", GET=list_app_events),
    _route(_APP + "/work", GET=list_work),
    _route(_APP + "/work/{workId}/resend", POST=resend_work),
    _route(_APP + "/reports/summary", GET=get_summary),
    _route(_APP + "/reports/revenue", GET=get_revenue),
    _route(_APP + "/reports/mrr-movement", GET=get_mrr_movement),
    _route(_APP + "/reports/drift", GET=get_drift),
    _route(_APP + "/webhook-deliveries", GET=list_deliveries),
    _route(_APP + "/webhook-deliveries/replay", POST=replay_deliveries),
    _route(_APP + "/webhook-deliveries/{deliveryUuid}", GET=get_delivery),
    _route(_APP + "/webhook-deliveries/{deliveryUuid}/replay", POST=replay_delivery),
    _route(_TENANT + "/access-tokens", POST=create_access_token),
    _route(_APP, GET=get_app, PATCH=patch_app),
    _route(_APP + "/api-keys", POST=create_key, GET=list_keys),
    _route(_APP + "/api-keys/{keyUuid}", DELETE=revoke_key),
    _route(_APP + "/api-keys/{keyUuid}/rotate", POST=rotate_key),
    _route(_APP + "/payment-connections", GET=list_connections),
    _route(
        _APP + "/payment-connections/{name}",
        PUT=put_connection,
        GET=get_connection,
        DELETE=delete_connection,
    ),
    _route(_APP + "/payment-connections/{name}/test", POST=post_connection_test),
    _route(
        "/v1/tenants/{tenantId}/stripe-invoices", POST=create_stripe_invoice, browsers=("POST",)
    ),
    _route("/admin/api/invoices", POST=create_admin_invoice, GET=list_admin_invoices),
    _route("/admin/api/invoices/{id}", GET=get_admin_invoice),
    _route("/stripe/invoices", POST=create_pending_items_draft),
    _route("/api/v1/tenants/{tenantId}/stripe-invoices", POST=create_tenant_stripe_invoice),
    _route(_APP + "/invoices/{invoiceUuid}/document", GET=get_document),
    _route(_APP + "/prices/{priceId}", PUT=put_price, GET=get_price),
    _route(_APP + "/tax-rates/{taxRateId}", PUT=put_tax_rate, GET=get_tax_rate),
    _route("/d/{token}", GET=open_document),
    _route("/return/{token}", GET=show_return),
    _route("/healthz", GET=healthz),
    _route("/readyz", GET=readyz),
    _route("/metrics", GET=metrics),
    _route("/openapi.json", GET=openapi),
    _route("/docs", GET=docs),
    _route("/docs/redoc.standalone.js", GET=docs_viewer),
]
