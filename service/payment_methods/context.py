from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from service.auth.access_cache import AccessCache
from service.invoices.documents import Links
from service.recording.context import RecordingContext
from service.settings import Settings
from service.tenants.registry import KnownTenants


@dataclass(frozen=True, kw_only=True)
class PaymentMethodsContext:
    """Dependencies of the payment method endpoints."""

    settings: Settings
    access: AccessCache
    recording: RecordingContext
    known_tenants: KnownTenants
    links: Links
    now: Callable[[], datetime]


def context_of(request: Request) -> PaymentMethodsContext:
    """Return the payment methods context of the application that serves the request."""
    return cast("PaymentMethodsContext", request.app.state.context.payment_methods)
