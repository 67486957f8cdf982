"""Setups of payment methods: asked for once per idempotency key, then waited for; read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from domain.core.providers import Provider
from domain.payment_methods import events as s
from domain.payment_methods.commands import RequestSetup
from domain.payment_methods.setup import REQUESTED, MethodSetup, MethodSetupView
from eventlog.errors import Conflict
from eventlog.reading import RecordedEvent
from service.http.caller import Caller
from service.http.errors import KeyReused, NotFound
from service.http.validation import Name, RequestModel, Url
from service.payment_methods.context import PaymentMethodsContext
from service.recording.record import wait_for_end

_OUTCOMES: Final = tuple(
    fact.TOPIC
    for fact in (
        s.SetupOpened,
        s.SetupSubmitted,
        s.SetupCompleted,
        s.SetupRejected,
        s.SetupExpired,
    )
)


class SetupBody(RequestModel):
    """Where a tenant is to leave a payment method, and where its customer goes from there."""

    provider: Provider
    redirect_url: Url | None = None
    connection: Name | None = None
    test: bool | None = None


@dataclass(frozen=True, slots=True)
class FoldedSetup:
    """A setup, and the position up to which it is folded."""

    view: MethodSetupView
    position: int


@dataclass(frozen=True, slots=True)
class ToldSetup:
    """What can be told: the outcome, or (`pending`) the request alone."""

    setup: FoldedSetup
    pending: bool
    replayed: bool


async def record_setup_request(
    context: PaymentMethodsContext, command: RequestSetup, *, wait_s: float
) -> ToldSetup:
    """Record the request, wait until its page is there. Raises KeyReused, LogUnavailable.

    The store refuses a second request of the same id: then the first one's outcome is told.
    """
    setup = MethodSetup.request(command, occurred_at=context.now())
    replayed = False
    try:
        position = await context.recording.store.create(setup)
        requested, outcome = FoldedSetup(setup.view, position), None
    except Conflict:
        recorded, replayed = await context.recording.log.stream_async(command.setup_id), True
        requested, outcome = _asked_before(context, recorded, command), _outcome(context, recorded)
    if outcome is None:
        outcome = await wait_for_end(
            context.recording,
            command.setup_id,
            _OUTCOMES,
            lambda recorded: _outcome(context, recorded),
            after=requested.position,
            wait_s=wait_s,
        )
    return ToldSetup(outcome or requested, pending=outcome is None, replayed=replayed)


async def find_setup(
    context: PaymentMethodsContext, caller: Caller, tenant_id: UUID, setup_id: UUID
) -> FoldedSetup:
    """Fold a tenant's setup up to now.

    What is another's is read no further than what does not exist. Raises NotFound.
    """
    begun = await context.recording.log.stream_async(setup_id, limit=1)
    first = context.recording.streams.decoded(begun[0]) if begun else None
    if not isinstance(first, s.SetupRequested):
        raise NotFound
    if first.tenant_id != tenant_id or not caller.owns(first.app_id, first.tenant_id):
        raise NotFound
    found = await context.recording.streams.root(setup_id, MethodSetup)
    if found is None:
        raise NotFound
    return FoldedSetup(found[0].view, found[1])


def _asked_before(
    context: PaymentMethodsContext, recorded: Sequence[RecordedEvent], command: RequestSetup
) -> FoldedSetup:
    first = context.recording.streams.decoded(recorded[0])
    if getattr(first, "request_hash", None) != command.request_hash:
        raise KeyReused
    return FoldedSetup(_mutated(first, None).view, recorded[0].position)


def _outcome(
    context: PaymentMethodsContext, recorded: Sequence[RecordedEvent]
) -> FoldedSetup | None:
    """Fold up to what first came of it, the same prefix for ever; None while nothing did."""
    setup: MethodSetup | None = None
    for entry in recorded:
        setup = _mutated(context.recording.streams.decoded(entry), setup)
        if setup.view.status != REQUESTED:
            return FoldedSetup(setup.view, entry.position)
    return None


def _mutated(event: object, setup: MethodSetup | None) -> MethodSetup:
    return cast("MethodSetup", cast("Any", event).mutate(setup))
