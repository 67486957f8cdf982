"""Response models of webhook deliveries."""

from typing import Annotated, Literal
from uuid import UUID

from projections.inbox.queries import STATES
from service.http.response_model import (
    Count,
    JsonObject,
    ListPage,
    Mode,
    Moment,
    Position,
    Provider,
    ResponseModel,
    SingleItem,
)
from service.http.validation import SchemaKeywords

State = Annotated[str, SchemaKeywords({"enum": list(STATES)})]


class Effect(ResponseModel):
    """The effect of a delivery on an invoice or a subscription."""

    invoice_id: UUID | None
    subscription_id: UUID | None
    effect: str
    """`changed`, `confirmed`, `stale` (older than the recorded state), `deferred` (the running
    step has more detail), `fetch` or `unexpected`."""


class RefusedDetails(ResponseModel):
    """Details of a rejected delivery; none of them is verified."""

    size_bytes: Count | None
    """Announced length of a body that was too large."""
    body_sha256: str | None
    content_type: str | None
    user_agent: str | None
    remote: Literal["loopback", "private", "public", "unknown"]
    """Kind of the sender's network; behind a proxy, the proxy's."""


class Delivery(ResponseModel):
    """A provider event, delivered once or several times; or a rejected delivery."""

    id: UUID
    state: State
    """`received`: not applied yet. `applied`. `parked`: the provider's object will be fetched.
    `dead`: a dead letter, retried only by a replay. `failed`: rejected as not verified or not
    parseable."""
    reason: str | None
    """The reason why the delivery is parked, dead or failed."""
    connection: str
    provider: Provider
    mode: Mode
    provider_event_id: str | None
    type: str | None
    object_type: str | None
    object_id: str | None
    invoice_id: UUID | None
    """The invoice that the event was applied to; before that, the one named in its metadata."""
    effects: list[Effect]
    """Time of the last application."""
    times_applied: Count
    times_parked: Count
    times_replayed: Count
    occurred_at: Moment | None
    """Time of the event at the provider."""
    received_at: Moment
    updated_at: Moment
    refused: RefusedDetails | None
    """Present if `state` is `failed`."""
    position: Position | None


class DeliveryPage(ListPage[Delivery]):
    """A page of the list."""

    kind: Literal["webhookDeliveries"]


class DeliveryEvent(ResponseModel):
    """An event of a delivery."""

    position: Position
    type: str
    at: Moment
    by: str
    reason: str | None
    retried: bool | None
    """For a parked delivery: whether the provider's object will be fetched."""
    effects: list[Effect]


class DeliveryDetails(Delivery):
    """A delivery with all its details."""

    history: list[DeliveryEvent]
    payload: JsonObject | None
    """Delivered payload, without secrets; null if it was erased or the delivery rejected."""


class SingleDeliveries(SingleItem[DeliveryDetails]):
    """A single delivery, with all its details."""

    kind: Literal["webhookDeliveries"]


class ReplayedDeliveries(SingleItem[Delivery]):
    """A single delivery, as of its replay."""

    kind: Literal["webhookDeliveries"]


class DeadLetterReplays(ResponseModel):
    """Dead letters whose replay was requested."""

    kind: Literal["webhookReplays"]
    requested: Count
    remaining: Count
    """Dead letters of the filter that are left: repeat the request for them."""


class Received(ResponseModel):
    """The delivery is stored."""

    received: Literal[True]
