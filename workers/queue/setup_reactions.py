"""A setup's event → job: one row until its page is there, another until its method counts."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from domain.payment_methods import events as s
from domain.payment_methods.setup import OPENING
from projections.work.table import CloseJob, GiveUpJob, JobChange, OpenJob, ResendJob

ACTOR: Final = "set_up_method"

SETUP_TOPICS: Final = (
    s.SetupRequested.TOPIC,
    s.SetupOpened.TOPIC,
    s.SetupSubmitted.TOPIC,
    s.SetupCompleted.TOPIC,
    s.SetupRejected.TOPIC,
    s.SetupGaveUp.TOPIC,
    s.SetupResent.TOPIC,
)


def changes_for_setup(event: s.MethodSetupEvent, *, queue: str) -> list[JobChange]:
    """Say which rows of the work table an event opens or closes."""
    opening, completion = _rows(event.originator_id)
    match event:
        case s.SetupRequested():
            return [_open(opening, event, event.app_id, queue=queue)]
        case s.SetupSubmitted():
            return [CloseJob(opening), _open(completion, event, event.app_id, queue=queue)]
        case s.SetupOpened():
            return [CloseJob(opening)]
        case s.SetupRejected() | s.SetupCompleted():
            return [CloseJob(opening), CloseJob(completion)]
        case s.SetupGaveUp() | s.SetupResent():
            return [_stopped(event, opening if event.step == OPENING else completion)]
    return []


def _rows(setup_id: UUID) -> tuple[str, str]:
    return f"setup:{setup_id}", f"setup_completion:{setup_id}"


def _stopped(event: s.SetupGaveUp | s.SetupResent, key: str) -> JobChange:
    if isinstance(event, s.SetupGaveUp):
        return GiveUpJob(key, reason=event.last_error)
    return ResendJob(key)


def _open(key: str, event: s.MethodSetupEvent, app_id: UUID, *, queue: str) -> OpenJob:
    args = {"setup_id": str(event.originator_id)}
    return OpenJob(key=key, app=app_id, queue=queue, actor=ACTOR, args=args)
