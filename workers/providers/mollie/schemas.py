"""Models of Mollie's objects: the fields that we use, with their types and bounds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, model_validator
from pydantic.alias_generators import to_camel

from domain.core.errors import DomainError
from domain.core.money import from_major
from domain.gateway.objects import MandateState
from workers.providers.bounded_fields import (
    MAX_AMOUNT_MINOR,
    MAX_METADATA_KEYS,
    Count,
    ProviderObject,
    Text,
    Time,
    Token,
    Url,
    read_metadata,
)

_LONGEST_TIME: Final = 64


def unix_of(value: object) -> object:
    """Read one of Mollie's times as Unix seconds; the next check refuses all but texts."""
    if not isinstance(value, str) or len(value) > _LONGEST_TIME:
        return value
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("a time without its zone")
    try:
        return int(time.timestamp())
    except OverflowError:
        raise ValueError("no time") from None


def _strings_of(value: object) -> dict[str, str]:
    """Read metadata, which may be any JSON at Mollie; ours is an object of strings."""
    if not isinstance(value, dict) or len(value) > MAX_METADATA_KEYS:
        return {}
    return read_metadata({key: item for key, item in value.items() if isinstance(item, str)})


MollieTime = Annotated[Time, BeforeValidator(unix_of)]
AnyMetadata = Annotated[dict[str, str], PlainValidator(_strings_of)]


class MollieObject(ProviderObject):
    """Base of the models of Mollie's objects, whose fields are in camel case."""

    model_config = ConfigDict(alias_generator=to_camel)


class MollieIdentified(MollieObject):
    """Any object, for its id alone."""

    id: Token


class MollieAmount(MollieObject):
    """An amount such as `{"value": "19.99", "currency": "EUR"}`, in a currency that we know."""

    value: Token
    currency: Token

    @model_validator(mode="after")
    def _check(self) -> MollieAmount:
        try:
            minor = self.minor
        except DomainError:
            raise ValueError("no amount") from None
        if abs(minor) > MAX_AMOUNT_MINOR:
            raise ValueError("no amount")
        return self

    @property
    def code(self) -> str:
        """The currency in lower case."""
        return self.currency.lower()

    @property
    def minor(self) -> int:
        """The amount in minor units."""
        return from_major(self.value, self.code)


class _Link(MollieObject):
    href: Url | None = None


class _Links(MollieObject):
    checkout: _Link | None = None
    dashboard: _Link | None = None
    customer: _Link | None = None


class _Line(MollieObject):
    vat_amount: MollieAmount | None = None


class _Details(MollieObject):
    failure_reason: Token | None = None
    failure_message: Text | None = None
    bank_reason_code: Token | None = None
    bank_reason: Text | None = None


class _StatusReason(MollieObject):
    code: Token | None = None
    message: Text | None = None


MolliePaymentStatus = Literal[
    "open", "pending", "authorized", "paid", "failed", "canceled", "expired"
]


class MolliePayment(MollieObject):
    """A payment."""

    id: Token
    status: MolliePaymentStatus
    mode: Literal["live", "test"]
    amount: MollieAmount
    amount_captured: MollieAmount | None = None
    capture_before: MollieTime | None = None
    customer_id: Token | None = None
    subscription_id: Token | None = None
    lines: list[_Line] | None = None
    links: _Links | None = Field(None, alias="_links")
    created_at: MollieTime
    paid_at: MollieTime | None = None
    expires_at: MollieTime | None = None
    description: Text | None = None
    method: Token | None = None
    details: _Details | None = None
    status_reason: _StatusReason | None = None
    metadata: AnyMetadata = Field(default_factory=dict)


class MollieCapture(MollieObject):
    """A capture of an authorized payment."""

    id: Token
    status: Literal["pending", "succeeded", "failed"]
    amount: MollieAmount
    created_at: MollieTime
    metadata: AnyMetadata = Field(default_factory=dict)


class MollieRefund(MollieObject):
    """A refund."""

    id: Token
    status: Literal["queued", "pending", "processing", "refunded", "failed", "canceled"]
    amount: MollieAmount
    created_at: MollieTime
    metadata: AnyMetadata = Field(default_factory=dict)


class MollieChargeback(MollieObject):
    """A chargeback."""

    id: Token
    amount: MollieAmount
    created_at: MollieTime
    reversed_at: MollieTime | None = None


class MolliePartOfPayment(MollieObject):
    """The payment of a refund or chargeback."""

    payment_id: Token


class _Embedded(MollieObject):
    refunds: list[MollieRefund] | None = None
    chargebacks: list[MollieChargeback] | None = None
    captures: list[MollieCapture] | None = None


class MolliePaymentWithParts(MollieObject):
    """A payment with its refunds, chargebacks and captures embedded."""

    embedded: _Embedded | None = Field(None, alias="_embedded")


class MollieSubscription(MollieObject):
    """A subscription."""

    id: Token
    status: Literal["pending", "active", "suspended", "canceled", "completed"]
    mode: Literal["live", "test"]
    amount: MollieAmount
    interval: Token
    times: Count | None = None
    start_date: Token | None = None
    next_payment_date: Token | None = None
    created_at: MollieTime
    canceled_at: MollieTime | None = None
    customer_id: Token | None = None
    links: _Links | None = Field(None, alias="_links")
    description: Text | None = None
    metadata: AnyMetadata = Field(default_factory=dict)


class _MandateDetails(MollieObject):
    card_number: Token | None = None
    card_label: Token | None = None


class MollieMandate(MollieObject):
    """A mandate."""

    id: Token
    status: MandateState
    method: Token | None = None
    details: _MandateDetails | None = None


class MollieMark(MollieObject):
    """The fields of a payment that change when something happens to it."""

    status: Token
    amount_refunded: MollieAmount | None = None
    amount_charged_back: MollieAmount | None = None
    links: dict[str, Any] | None = Field(None, alias="_links")


class MollieTimes(MollieMark):
    """The times of a payment, and the amounts that were captured and returned."""

    amount_captured: MollieAmount | None = None
    created_at: MollieTime
    authorized_at: MollieTime | None = None
    paid_at: MollieTime | None = None
    canceled_at: MollieTime | None = None
    expired_at: MollieTime | None = None
    failed_at: MollieTime | None = None
