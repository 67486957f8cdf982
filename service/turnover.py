"""How reports show what came in and went back."""

from typing import Final

from projections.reports import Turnover
from service.dialects.d002 import Json

_RATE_DIGITS: Final = 4


def shown(turnover: Turnover) -> Json:
    """Show a period's sums; the failure rate is null where no attempt ended."""
    rate = turnover.failure_rate
    return {
        "collectedMinor": turnover.collected_minor,
        "collectedCount": turnover.collected_count,
        "refundedMinor": turnover.refunded_minor,
        "refundedCount": turnover.refunded_count,
        "disputedMinor": turnover.disputed_minor,
        "disputedCount": turnover.disputed_count,
        "netMinor": turnover.net_minor,
        "attempts": turnover.attempts,
        "failedAttempts": turnover.refused_count,
        "failureRate": None if rate is None else round(rate, _RATE_DIGITS),
    }
