"""A hint → a job: one row for each payment, open until its fetch has seen all hints."""

from __future__ import annotations

from typing import Final

from domain.inbox import payment_hint as h
from projections.work.table import CloseJob, JobChange, OpenJob

ACTOR: Final = "apply_hint"
TOPICS: Final = (
    h.PaymentHintReceived.TOPIC,
    h.PaymentHintRepeated.TOPIC,
    h.PaymentHintFetched.TOPIC,
)


def changes_for_hint(event: h.PaymentHintEvent, *, queue: str) -> list[JobChange]:
    """Say which row of the work table an event opens or closes."""
    key = f"hint:{event.originator_id}"
    match event:
        case h.PaymentHintReceived() | h.PaymentHintRepeated():
            args = {"hint_id": str(event.originator_id)}
            return [OpenJob(key=key, app=event.app_id, queue=queue, actor=ACTOR, args=args)]
        case h.PaymentHintFetched():
            return [CloseJob(key)]
    return []
