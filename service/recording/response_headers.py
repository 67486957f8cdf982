"""Headers of responses to recorded requests."""

from typing import Any, Final

from service.http.responses import POSITION
from service.recording.record import Recorded, RecordedInvoice

REPLAYED: Final = "idempotent-replayed"


def invoice_headers(recorded: RecordedInvoice) -> dict[str, str]:
    """Return the headers of a response with a recorded invoice."""
    view, position = recorded.result.view, recorded.result.position
    path = f"/api/v1/apps/{view.app_id}/invoices/{view.id}"
    return response_headers(recorded, path, position=position, with_min_position=True)


def response_headers(
    recorded: Recorded[Any], path: str, *, position: int, with_min_position: bool
) -> dict[str, str]:
    """Return position and location of a recorded request, and when to poll while it is pending."""
    query = f"?minPosition={position}" if with_min_position else ""
    headers = {POSITION: str(position), "location": path + query}
    if recorded.replayed:
        headers[REPLAYED] = "true"
    if recorded.pending:
        headers["retry-after"] = "1"
    return headers
