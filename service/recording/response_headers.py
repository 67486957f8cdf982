"""What the answer to every request for an invoice says in its headers."""

from service.http.responses import POSITION
from service.recording.record import Told


def invoice_headers(told: Told) -> dict[str, str]:
    """Say where the invoice is, up to which position it was read, and when to look again."""
    view, position = told.folded.view, told.folded.position
    path = f"/api/v1/apps/{view.app_id}/invoices/{view.id}"
    return response_headers(path, position, replayed=told.replayed, pending=told.pending)


def response_headers(path: str, position: int, *, replayed: bool, pending: bool) -> dict[str, str]:
    """Say where to look for what was asked for, and whether that is needed."""
    headers = {POSITION: str(position), "location": f"{path}?minPosition={position}"}
    if replayed:
        headers["idempotent-replayed"] = "true"
    if pending:
        headers["retry-after"] = "1"
    return headers
