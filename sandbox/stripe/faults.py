"""Faults on command: which one meets a request, and the error answers among them."""

from __future__ import annotations

from sandbox import faults
from sandbox.stripe.accounts import Account, Accounts, Fault
from sandbox.stripe.errors import StripeError


def take(accounts: Accounts, account: Account, method: str, path: str) -> Fault | None:
    """Returns the first fault that matches and is ripe; counts it as used up by one."""
    fault, changed = faults.take(account.state.faults, method, path)
    if changed:
        accounts.save(account)
    return fault


def error_of(fault: Fault) -> StripeError:
    """Returns the error that a ``status`` fault answers."""
    if fault.status == 429:  # noqa: PLR2004 - the fault's own number
        error = StripeError(
            "Request rate limit exceeded. Learn more about rate limits here"
            " https://stripe.com/docs/rate-limits.",
            status=429,
            code="rate_limit",
        )
        error.type = "invalid_request_error"
    elif fault.status == 409:  # noqa: PLR2004 - the fault's own number
        error = StripeError(
            "This object cannot be accessed right now because another API request or Stripe"
            " process is currently accessing it.",
            status=409,
            code="lock_timeout",
        )
        error.type = "invalid_request_error"
    else:
        error = StripeError("An unknown error occurred", status=500)
    error.stored = fault.stored
    return error
