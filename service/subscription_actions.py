"""What is asked of a subscription: recorded once per idempotency key, then waited for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

from starlette.requests import Request

from domain.commands import SubscriptionCommand
from domain.receipt import WriteReceipt
from domain.subscription_events import SubscriptionRequestRefused
from service.asking import end_of_asking, request_hash
from service.caller import Caller
from service.context import context_of
from service.receipts import do_once
from service.subscriptions import ENDING_TOPICS, FoldedSubscription, end_in, find_subscription


@dataclass(frozen=True, slots=True)
class Answered:
    """What can be told of an asking: how it stood when that ended, or stands now (`pending`)."""

    folded: FoldedSubscription
    pending: bool
    replayed: bool
    refused: SubscriptionRequestRefused | None


async def ask_of_subscription(
    request: Request,
    caller: Caller,
    subscription_id: UUID,
    command: Callable[..., SubscriptionCommand],
    *,
    given: object,
    wait_s: float,
) -> Answered:
    """Record what is asked of a caller's subscription, and wait for what comes of it.

    `command` takes what all commands share. Raises KeyReused, NotPossible, LogUnavailable.
    """
    context = context_of(request)
    request_id = uuid4()
    asked = command(
        subscription_id=subscription_id,
        request_id=request_id,
        request_hash=request_hash(request, given),
        by=caller.by,
    )

    def write(receipt: WriteReceipt | None) -> None:
        context.billing.ask_of_subscription(asked, at=context.now(), receipt=receipt)

    result = {"subscriptionId": str(subscription_id), "requestId": str(request_id)}
    done = await do_once(request, caller, given, result, write)
    find = partial(end_in, context.streams, request_id=UUID(done.result["requestId"]))
    ended = await end_of_asking(context, subscription_id, ENDING_TOPICS, find, wait_s=wait_s)
    if ended is None:
        position = await context.streams.newest(subscription_id)
        now = await find_subscription(context, caller, str(subscription_id), min_position=position)
        return Answered(now, pending=True, replayed=done.replayed, refused=None)
    refused = ended.fact if isinstance(ended.fact, SubscriptionRequestRefused) else None
    return Answered(ended.folded, pending=False, replayed=done.replayed, refused=refused)
