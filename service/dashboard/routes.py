"""The paths of the dashboard."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.dashboard import assets
from service.dashboard.connections import try_connection
from service.dashboard.deliveries import list_deliveries, replay_deliveries, show_delivery
from service.dashboard.drift import list_drift
from service.dashboard.guard import page
from service.dashboard.invoice_actions import act_on_invoice
from service.dashboard.invoice_list import list_invoices
from service.dashboard.invoice_page import confirm_action, show_invoice
from service.dashboard.keys import create_key, revoke_key, rotate_key
from service.dashboard.live import live
from service.dashboard.log_browser import cancel_check, show_log, verify_log
from service.dashboard.movements import list_movements
from service.dashboard.oidc_sign_in import finish_oidc, start_oidc
from service.dashboard.open_sessions import end_session_of
from service.dashboard.operations import show_operations
from service.dashboard.overview import overview
from service.dashboard.recurring_revenue import list_recurring_revenue
from service.dashboard.sign_in import choose_theme, show_sign_in, sign_in, sign_out
from service.dashboard.subscription_actions import (
    cancel_subscription,
    change_subscription,
    confirm_change,
)
from service.dashboard.subscriptions import list_subscriptions, show_subscription
from service.dashboard.tenants import list_tenants, show_tenant
from service.dashboard.visitor import Visitor
from service.dashboard.work import list_work, resend_work
from service.http.errors import NotFound
from service.oidc.sign_in import OIDC_RETURN


async def _missing(_: Request, __: Visitor) -> Response:
    raise NotFound


DASHBOARD_ROUTES: Final = [
    Route(assets.PATH, assets.serve_asset),
    Route("/dashboard", overview),
    Route("/dashboard/sign-in", show_sign_in, methods=["GET"]),
    Route("/dashboard/sign-in", sign_in, methods=["POST"]),
    Route("/dashboard/sign-in/oidc", start_oidc, methods=["GET"]),
    Route(OIDC_RETURN, finish_oidc, methods=["GET"]),
    Route("/dashboard/sign-out", sign_out, methods=["POST"]),
    Route("/dashboard/theme", choose_theme, methods=["POST"]),
    Route("/dashboard/live", live),
    Route("/dashboard/invoices", list_invoices),
    Route("/dashboard/invoices/{invoiceUuid}", show_invoice),
    Route("/dashboard/invoices/{invoiceUuid}/confirm/{action}", confirm_action),
    Route("/dashboard/invoices/{invoiceUuid}/{action}", act_on_invoice, methods=["POST"]),
    Route("/dashboard/movements", list_movements),
    Route("/dashboard/recurring-revenue", list_recurring_revenue),
    Route("/dashboard/subscriptions", list_subscriptions),
    Route("/dashboard/subscriptions/{subscriptionId}", show_subscription),
    Route(
        "/dashboard/subscriptions/{subscriptionId}/cancel", cancel_subscription, methods=["POST"]
    ),
    Route("/dashboard/subscriptions/{subscriptionId}/change", confirm_change, methods=["GET"]),
    Route(
        "/dashboard/subscriptions/{subscriptionId}/change", change_subscription, methods=["POST"]
    ),
    Route("/dashboard/tenants", list_tenants),
    Route("/dashboard/tenants/{tenantUuid}", show_tenant),
    Route("/dashboard/deliveries", list_deliveries),
    Route("/dashboard/deliveries/replay", replay_deliveries, methods=["POST"]),
    Route("/dashboard/deliveries/{deliveryUuid}", show_delivery),
    Route("/dashboard/work", list_work),
    Route("/dashboard/work/resend", resend_work, methods=["POST"]),
    Route("/dashboard/operations", show_operations),
    Route("/dashboard/operations/drift", list_drift),
    Route("/dashboard/operations/log", show_log),
    Route("/dashboard/operations/log/verify", verify_log, methods=["POST"]),
    Route("/dashboard/operations/log/cancel", cancel_check, methods=["POST"]),
    Route("/dashboard/connections/{name}/test", try_connection, methods=["POST"]),
    Route("/dashboard/keys", create_key, methods=["POST"]),
    Route("/dashboard/keys/{keyUuid}/rotate", rotate_key, methods=["POST"]),
    Route("/dashboard/keys/{keyUuid}/revoke", revoke_key, methods=["POST"]),
    Route("/dashboard/sessions/{sessionId}/end", end_session_of, methods=["POST"]),
    Route("/dashboard/{rest:path}", page(_missing)),
]
