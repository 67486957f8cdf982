"""Record setups of payment methods, wait for their pages, and find them."""

from collections.abc import Sequence
from typing import Any, Final, cast
from uuid import UUID

from domain.core.providers import Provider
from domain.payment_methods import events as s
from domain.payment_methods.commands import RequestSetup
from domain.payment_methods.setup import MethodSetup
from domain.payment_methods.view import REQUESTED, MethodSetupView
from eventlog.errors import Conflict
from eventlog.reading import RecordedEvent
from service.http.caller import Caller
from service.http.errors import KeyReused, NotFound
from service.http.validation import Name, RequestModel, Url
from service.payment_methods.context import PaymentMethodsContext
from service.recording.record import Recorded, wait_for_outcome
from service.recording.streams import Folded

_OUTCOMES: Final = tuple(
    event.TOPIC
    for event in (
        s.SetupOpened,
        s.SetupSubmitted,
        s.SetupCompleted,
        s.SetupRejected,
        s.SetupExpired,
    )
)


class SetupBody(RequestModel):
    """Body of a setup: the provider that opens the page, and the URL to return to from it."""

    provider: Provider
    redirect_url: Url | None = None
    connection: Name | None = None
    test: bool | None = None


FoldedSetup = Folded[MethodSetupView]
RecordedSetup = Recorded[FoldedSetup]


async def record_setup_request(
    context: PaymentMethodsContext, command: RequestSetup, *, wait_s: float
) -> RecordedSetup:
    """Record a setup request and wait for its page. Raises KeyReused, LogUnavailable.

    The store rejects a second request with the same id; the result is then the first one's.
    """
    setup = MethodSetup.request(command, occurred_at=context.now())
    replayed = False
    try:
        position = await context.recording.store.create(setup)
        requested, outcome = Folded(setup.view, position), None
    except Conflict:
        recorded, replayed = await context.recording.log.stream_async(command.setup_id), True
        requested, outcome = (
            _earlier_request(context, recorded, command),
            _outcome(context, recorded),
        )
    if outcome is None:
        outcome = await wait_for_outcome(
            context.recording,
            command.setup_id,
            _OUTCOMES,
            lambda recorded: _outcome(context, recorded),
            after=requested.position,
            wait_s=wait_s,
        )
    return Recorded(result=outcome or requested, pending=outcome is None, replayed=replayed)


async def find_setup(
    context: PaymentMethodsContext, caller: Caller, tenant_id: UUID, setup_id: UUID
) -> FoldedSetup:
    """Fold a tenant's setup up to now. Raises NotFound.

    Of another tenant's setup only the first event is read, so that the duration of the response
    does not reveal that it exists.
    """
    recorded = await context.recording.log.stream_async(setup_id, limit=1)
    first = context.recording.streams.decoded(recorded[0]) if recorded else None
    if not isinstance(first, s.SetupRequested):
        raise NotFound
    if first.tenant_id != tenant_id or not caller.owns(first.app_id, first.tenant_id):
        raise NotFound
    found = await context.recording.streams.aggregate(setup_id, MethodSetup)
    if found is None:
        raise NotFound
    return Folded(found[0].view, found[1])


def _earlier_request(
    context: PaymentMethodsContext, recorded: Sequence[RecordedEvent], command: RequestSetup
) -> FoldedSetup:
    first = context.recording.streams.decoded(recorded[0])
    if getattr(first, "request_hash", None) != command.request_hash:
        raise KeyReused
    return Folded(_mutated(first, None).view, recorded[0].position)


def _outcome(
    context: PaymentMethodsContext, recorded: Sequence[RecordedEvent]
) -> FoldedSetup | None:
    """Fold a setup up to its first outcome; None while it has none."""
    setup: MethodSetup | None = None
    for entry in recorded:
        setup = _mutated(context.recording.streams.decoded(entry), setup)
        if setup.view.status != REQUESTED:
            return Folded(setup.view, entry.position)
    return None


def _mutated(event: object, setup: MethodSetup | None) -> MethodSetup:
    return cast("MethodSetup", cast("Any", event).mutate(setup))
