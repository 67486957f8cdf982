"""Reactions to the events of payment-method setups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from domain.core.aggregate import DomainEvent
from domain.payment_methods import events as p
from domain.payment_methods.setup import OPEN_PAGE
from projections.work.table import CloseJob, GiveUpJob, JobChange, OpenJob, ResendJob
from workers.queue import jobs

# Payment-method setups: one row until the page is open, another until the method is the default.


def _open_setup(event: p.SetupRequested) -> list[JobChange]:
    return [_setup_job(_page_key(event), event)]


def _complete_setup(event: p.SetupSubmitted) -> list[JobChange]:
    return [CloseJob(_page_key(event)), _setup_job(_completion_key(event), event)]


def _close_page(event: p.SetupOpened) -> list[JobChange]:
    return [CloseJob(_page_key(event))]


def _close_setup(event: p.SetupRejected | p.SetupCompleted) -> list[JobChange]:
    return [CloseJob(_page_key(event)), CloseJob(_completion_key(event))]


def _stop_setup(event: p.SetupGaveUp) -> list[JobChange]:
    return [GiveUpJob(_setup_key(event), reason=event.last_error)]


def _resend_setup(event: p.SetupResent) -> list[JobChange]:
    return [ResendJob(_setup_key(event))]


def _setup_job(key: str, event: p.SetupRequested | p.SetupSubmitted) -> OpenJob:
    args = {"setup_id": str(event.originator_id)}
    connection = event.connection if isinstance(event, p.SetupRequested) else None
    return jobs.SET_UP_METHOD.open(key=key, app_id=event.app_id, args=args, connection=connection)


def _setup_key(event: p.SetupGaveUp | p.SetupResent) -> str:
    return _page_key(event) if event.step == OPEN_PAGE else _completion_key(event)


def _page_key(event: p.MethodSetupEvent) -> str:
    return f"setup:{event.originator_id}"


def _completion_key(event: p.MethodSetupEvent) -> str:
    return f"setup_completion:{event.originator_id}"


SETUP_REACTIONS: Final[dict[type[DomainEvent], Callable[[Any], list[JobChange]]]] = {
    p.SetupRequested: _open_setup,
    p.SetupOpened: _close_page,
    p.SetupSubmitted: _complete_setup,
    p.SetupCompleted: _close_setup,
    p.SetupRejected: _close_setup,
    p.SetupGaveUp: _stop_setup,
    p.SetupResent: _resend_setup,
}
