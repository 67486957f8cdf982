"""Metadata keys that mark provider objects as ours.

People and providers copy metadata, so that a key alone never proves who created an object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PREFIX: Final = "billhook_"

APP: Final = "billhook_app"
TENANT: Final = "billhook_tenant"
INVOICE: Final = "billhook_invoice"
LINE: Final = "billhook_line"
SUBSCRIPTION: Final = "billhook_subscription"
REFUND: Final = "billhook_refund"
CAPTURE: Final = "billhook_capture"
SCHEDULE: Final = "billhook_schedule"
SETUP: Final = "billhook_setup"
ENDPOINT_MARK: Final = "billhook_secret"


def without_ours(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's metadata without our keys."""
    return {name: value for name, value in metadata.items() if not name.startswith(PREFIX)}
