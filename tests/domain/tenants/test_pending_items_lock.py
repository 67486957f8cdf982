"""Only one request at a time includes a customer's pending items; a dead one's lock expires."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain.tenants.pending_items_lock import (
    LOCK_LIFETIME,
    PendingItemsLock,
    PendingItemsLockAcquired,
    PendingItemsLockCreated,
    PendingItemsLockReleased,
)
from tests.domain.given import Given, Happened, happened, moment
from tests.domain.subscription_examples import INVOICE_ID

OTHER_ID = uuid4()
MADE = happened(PendingItemsLockCreated)
LIFE_S = int(LOCK_LIFETIME.total_seconds())
EXPIRES_AT = int(moment(1).timestamp()) + LIFE_S
TAKEN = happened(PendingItemsLockAcquired, invoice_id=INVOICE_ID, expires_at=EXPIRES_AT)


def given(*facts: Happened) -> Given[PendingItemsLock]:
    return Given(PendingItemsLock, MADE, *facts)


def test_a_free_slot_is_taken_until_a_time() -> None:
    (
        given()
        .when(lambda lock: lock.acquire(INVOICE_ID, occurred_at=moment(1)))
        .then(TAKEN)
        .answering(expected=True)
        .showing(holder=INVOICE_ID, expires_at=EXPIRES_AT)
    )


def test_another_one_waits() -> None:
    given(TAKEN).when(lambda lock: lock.acquire(OTHER_ID, occurred_at=moment(2))).then().answering(
        expected=False
    )


@pytest.mark.parametrize(
    ("seconds", "taken"), [(LIFE_S, False), (LIFE_S + 1, True), (LIFE_S + 2, True)]
)
def test_a_dead_holder_is_waited_for_until_its_time_is_over(seconds: int, *, taken: bool) -> None:
    given(TAKEN).when(lambda lock: lock.acquire(OTHER_ID, occurred_at=moment(seconds))).answering(
        expected=taken
    )


def test_the_holder_keeps_the_lock_without_an_event_and_renews_it_in_time() -> None:
    (
        given(TAKEN)
        .when(lambda lock: lock.acquire(INVOICE_ID, occurred_at=moment(10)))
        .then()
        .answering(expected=True)
        .when(lambda lock: lock.acquire(INVOICE_ID, occurred_at=moment(LIFE_S - 10)))
        .then(happened(PendingItemsLockAcquired, expires_at=EXPIRES_AT + LIFE_S - 11))
        .answering(expected=True)
    )


def test_a_freed_slot_is_anybodys() -> None:
    (
        given(TAKEN)
        .when(lambda lock: lock.release(INVOICE_ID, occurred_at=moment(2)))
        .then(happened(PendingItemsLockReleased, invoice_id=INVOICE_ID))
        .showing(holder=None)
        .when(lambda lock: lock.acquire(OTHER_ID, occurred_at=moment(3)))
        .answering(expected=True)
    )


def test_only_the_holder_frees_it() -> None:
    given(TAKEN).when(lambda lock: lock.release(OTHER_ID, occurred_at=moment(2))).then()
    given().when(lambda lock: lock.release(INVOICE_ID, occurred_at=moment(2))).then()
