"""Simple fields of a subscription, validated and converted to Stripe's format."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.catalogue.tax_rates import chosen
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.updates import merged_metadata
from sandbox.stripe.invoices.invoices import owned_method
from sandbox.stripe.subscriptions.given_discounts import given_discounts
from sandbox.stripe.subscriptions.params import (
    PERIOD_ENDS,
    CancellationDetails,
    InvoiceSettings,
    SubscriptionFields,
    TrialSettings,
)


def apply(call: Call, subscription: Json, params: SubscriptionFields) -> None:
    """Sets the given simple fields."""
    _check_behavior(params)
    _apply_collection(subscription, params)
    _apply_defaults(call, subscription, params)
    _apply_settings(subscription, params)
    if params.discounts is not None:
        subscription["discounts"] = given_discounts(call, subscription, params.discounts)


def _apply_collection(subscription: Json, params: SubscriptionFields) -> None:
    if params.collection_method is not None:
        subscription["collection_method"] = params.collection_method
    if params.days_until_due is not None:
        subscription["days_until_due"] = params.days_until_due
    sent = subscription["collection_method"] == "send_invoice"
    if sent and subscription["days_until_due"] is None:
        raise BadParameters(
            "You must pass `days_until_due` when `collection_method=send_invoice`.",
            param="days_until_due",
        )
    if not sent and params.days_until_due is not None:
        raise BadParameters(
            "You can only pass `days_until_due` when `collection_method=send_invoice`.",
            param="days_until_due",
        )


def _apply_defaults(call: Call, subscription: Json, params: SubscriptionFields) -> None:
    if params.default_payment_method is not None:
        method = params.default_payment_method or None
        if method is not None:
            owned_method(call, method, subscription, param="default_payment_method")
        subscription["default_payment_method"] = method
    if params.default_tax_rates is not None:
        rates = chosen(call, params.default_tax_rates, param="default_tax_rates")
        subscription["default_tax_rates"] = rates
    if params.description is not None:
        subscription["description"] = params.description or None
    if params.metadata is not None:
        metadata = merged_metadata(subscription["metadata"], params.metadata)
        subscription["metadata"] = metadata


def _check_behavior(params: SubscriptionFields) -> None:
    if params.payment_behavior == "pending_if_incomplete":
        raise BadParameters(
            "This sandbox does not implement payment_behavior=pending_if_incomplete.",
            param="payment_behavior",
        )


def _apply_settings(subscription: Json, params: SubscriptionFields) -> None:
    if params.invoice_settings is not None:
        subscription["invoice_settings"] |= _written(params.invoice_settings)
    if params.payment_settings is not None:
        given = params.payment_settings.model_dump(exclude_unset=True)
        subscription["payment_settings"] |= given
    if params.trial_settings is not None:
        subscription["trial_settings"] = _trial_settings(params.trial_settings)


def _written(settings: InvoiceSettings) -> Json:
    given = settings.model_dump(exclude_unset=True)
    return {name: value or None for name, value in given.items()}


def _trial_settings(settings: TrialSettings) -> Json:
    end = settings.end_behavior
    return {
        "end_behavior": {
            "billing_cycle_anchor": end.billing_cycle_anchor,
            "missing_payment_method": end.missing_payment_method or "create_invoice",
        }
    }


def apply_ending(
    call: Call, subscription: Json, params: SubscriptionFields, *, period_end: int
) -> None:
    """Sets or clears the scheduled end of the subscription."""
    at = params.cancel_at
    if params.cancel_at_period_end is None and at is None:
        return
    if subscription["schedule"] is not None:
        raise InvalidRequest(
            "The subscription is managed by the subscription schedule"
            f" `{subscription['schedule']}`, and updating any cancelation behavior directly is not"
            " allowed. Please update the schedule instead."
        )
    leaves = params.cancel_at_period_end or (at is not None and at != "")
    if params.cancel_at_period_end or at in PERIOD_ENDS:
        at = period_end
    if leaves and isinstance(at, int) and at <= call.now:
        raise BadParameters("cancel_at must be in the future.", param="cancel_at")
    details = subscription["cancellation_details"]
    subscription |= {
        "cancel_at": at if leaves else None,
        "cancel_at_period_end": bool(params.cancel_at_period_end),
        "canceled_at": call.now if leaves else None,
        "cancellation_details": details | {"reason": "cancellation_requested" if leaves else None},
    }


def apply_reasons(subscription: Json, given: CancellationDetails | None) -> None:
    """Sets the cancellation details."""
    if given is not None:
        said = {key: value or None for key, value in given.model_dump(exclude_unset=True).items()}
        subscription["cancellation_details"] = subscription["cancellation_details"] | said
