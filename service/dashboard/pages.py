"""Render pages: one environment, escaping everything, with headers that allow nothing else."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.dashboard import formats
from service.dashboard.assets import asset_url
from service.dashboard.visitor import Visitor

_TEMPLATES: Final = Path(__file__).parent / "templates"
# Tabler draws its form controls as data URLs; no script and no style stands in a page.
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
NAVIGATION: Final = (
    ("/dashboard", "Overview"),
    ("/dashboard/invoices", "Invoices"),
    ("/dashboard/movements", "Payments, refunds, disputes"),
    ("/dashboard/subscriptions", "Subscriptions"),
    ("/dashboard/tenants", "Tenants"),
    ("/dashboard/deliveries", "Webhooks"),
    ("/dashboard/work", "Work"),
    ("/dashboard/operations", "Operations"),
)
THEME: Final = "billhook_theme"
THEMES: Final = ("auto", "light", "dark")


def render(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    visitor: Visitor | None = None,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a page."""
    theme = request.cookies.get(THEME, "auto")
    known = {
        "visitor": visitor,
        "theme": theme if theme in THEMES else "auto",
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "navigation": NAVIGATION,
        "zone": "UTC" if visitor is None else visitor.caller.app.settings.time_zone,
    }
    text = _environment().get_template(template).render({**known, **values})
    return HTMLResponse(text, status_code=status_code, headers={**HEADERS, **(headers or {})})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["asset"] = asset_url
    for name in ("amount", "short_amount", "count", "percent", "when", "iso", "duration", "words",
                 "color", "json", "cut", "reason", "method", "moment"):  # fmt: skip
        environment.filters[name] = getattr(formats, name)
    return environment
