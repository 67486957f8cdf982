"""What the answer to every request for an invoice says in its headers."""

from service.answers import POSITION
from service.asking import Told


def told_headers(told: Told) -> dict[str, str]:
    """Say where the invoice is, up to which position it was read, and when to look again."""
    view, position = told.folded.view, told.folded.position
    location = f"/api/v1/apps/{view.app_id}/invoices/{view.id}?minPosition={position}"
    headers = {POSITION: str(position), "location": location}
    if told.replayed:
        headers["idempotent-replayed"] = "true"
    if told.pending:
        headers["retry-after"] = "1"
    return headers
