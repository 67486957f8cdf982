from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from projections.inbox.dead_letters import DeadLetterQueries
from projections.inbox.queries import DeliveryQueries
from service.auth.access_cache import AccessCache
from service.operations.readiness import Readiness
from service.recording.context import RecordingContext
from service.settings import Settings
from service.webhooks.budgets import DeliveryBudgets
from service.webhooks.hints import Hints
from service.webhooks.large_bodies import LargeBodies
from service.webhooks.rejection_log import RejectionLog


@dataclass(frozen=True, kw_only=True)
class WebhooksContext:
    """Dependencies of the webhook inbox."""

    settings: Settings
    access: AccessCache
    open_secret: Callable[[str, str], str]
    recording: RecordingContext
    readiness: Readiness
    deliveries: DeliveryQueries
    dead_letters: DeadLetterQueries
    rejections: RejectionLog
    hints: Hints
    budgets: DeliveryBudgets
    large_bodies: LargeBodies
    now: Callable[[], datetime]


def context_of(request: Request) -> WebhooksContext:
    """Return the webhooks context of the application that serves the request."""
    return cast("WebhooksContext", request.app.state.context.webhooks)
