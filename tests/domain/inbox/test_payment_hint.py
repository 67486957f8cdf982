"""Hints at a payment: recorded once while they wait, again once the fetch has begun."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from domain.inbox.commands import ReceivePaymentHint
from domain.inbox.payment_hint import (
    PaymentHint,
    PaymentHintFetched,
    PaymentHintFetchStarted,
    PaymentHintReceived,
    PaymentHintRepeated,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
BY = "webhook:tr_1"


def hinted() -> PaymentHint:
    command = ReceivePaymentHint(
        app_id=UUID(int=1),
        connection_id=UUID(int=2),
        connection="mollie-1",
        provider="mollie",
        mode="test",
        payment_id="tr_1",
        actor=BY,
    )
    return PaymentHint.receive(command, occurred_at=AT)


def fetch(hint: PaymentHint) -> None:
    hint.record_fetched([], reason=None, actor=BY, occurred_at=AT)


def kinds(hint: PaymentHint) -> list[type]:
    return [type(event) for event in hint.collect_events()]


def test_a_hint_is_recorded_and_fetched_once() -> None:
    hint = hinted()

    hint.start_fetch(actor=BY, occurred_at=AT)
    fetch(hint)
    hint.start_fetch(actor=BY, occurred_at=AT)
    fetch(hint)

    assert kinds(hint) == [PaymentHintReceived, PaymentHintFetchStarted, PaymentHintFetched]


def test_further_hints_record_nothing_while_one_waits() -> None:
    hint = hinted()

    hint.repeat(actor=BY, occurred_at=AT)
    hint.repeat(actor=BY, occurred_at=AT)

    assert kinds(hint) == [PaymentHintReceived]


def test_a_hint_during_the_fetch_is_recorded_and_causes_another_fetch() -> None:
    hint = hinted()
    hint.start_fetch(actor=BY, occurred_at=AT)

    hint.repeat(actor=BY, occurred_at=AT)
    hint.repeat(actor=BY, occurred_at=AT)
    fetch(hint)

    assert (hint.waiting, hint.fetching) == (True, True)
    assert kinds(hint) == [PaymentHintReceived, PaymentHintFetchStarted, PaymentHintRepeated]


def test_a_hint_after_the_fetch_causes_a_new_fetch() -> None:
    hint = hinted()
    hint.start_fetch(actor=BY, occurred_at=AT)
    fetch(hint)

    hint.repeat(actor=BY, occurred_at=AT)

    assert kinds(hint) == [
        PaymentHintReceived,
        PaymentHintFetchStarted,
        PaymentHintFetched,
        PaymentHintRepeated,
    ]


def test_a_hint_that_was_given_up_waits_for_the_next_one() -> None:
    hint = hinted()
    hint.start_fetch(actor=BY, occurred_at=AT)
    hint.repeat(actor=BY, occurred_at=AT)

    hint.give_up("no answer", actor=BY, occurred_at=AT)
    hint.repeat(actor=BY, occurred_at=AT)

    assert kinds(hint) == [
        PaymentHintReceived,
        PaymentHintFetchStarted,
        PaymentHintRepeated,
        PaymentHintFetched,
        PaymentHintRepeated,
    ]
