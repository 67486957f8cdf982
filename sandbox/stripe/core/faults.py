"""Fault injection: the choice of the fault for a request, and its error response."""

from __future__ import annotations

from sandbox.common import faults
from sandbox.stripe.core.accounts import Account, Accounts, Fault
from sandbox.stripe.core.errors import (
    InvalidRequest,
    StripeError,
    key_in_use,
    lock_timeout,
    rate_limited,
)


def take(accounts: Accounts, account: Account, method: str, path: str) -> Fault | None:
    """Returns the fault that applies to a request, and counts one use."""
    fault, changed = faults.take(account.state.faults, method, path)
    if changed:
        accounts.save(account)
    return fault


def error_of(fault: Fault, *, key: str | None) -> StripeError:
    """Returns the error of a ``status`` fault; ``key``: the request's idempotency key."""
    match fault.status, fault.code:
        case (429, None | "rate_limit"):
            error = rate_limited(reason=fault.reason, retry_after_s=fault.retry_after_s)
        case (409, "idempotency_key_in_use"):
            error = key_in_use(key or "")
        case (429 | 409, _):
            error = lock_timeout(status=fault.status)
        case (404, _):
            error = InvalidRequest("No such object", status=404, code="resource_missing")
        case (400 | 410 | 422, _):
            error = InvalidRequest("The request is refused", status=fault.status)
        case _:
            error = StripeError("An unknown error occurred", status=fault.status)
    error.stored = fault.stored
    return error


def precedes(fault: Fault) -> bool:
    """Returns whether a fault is applied before the idempotency key is checked."""
    return fault.kind == "status" and fault.when == "before" and not fault.stored
