"""Subscriptions at Stripe: start, look up, end, change."""

from __future__ import annotations

from typing import Any, Final

import stripe

from domain.core import metadata as metadata_keys
from domain.gateway.errors import GatewayRejected
from domain.gateway.subscriptions import ProviderSubscription, SubscriptionDraft
from workers.providers.bounded_fields import reading
from workers.providers.stripe import objects
from workers.providers.stripe.client import (
    Answer,
    answered_at,
    call_stripe,
    json_of,
    pages,
)
from workers.providers.stripe.plan_changes import Items, has_items, phases_of, replaced_items
from workers.providers.stripe.subscription_objects import (
    ITEMS_WITH_AMOUNTS,
    WITH_AMOUNTS,
    items_need_list,
    to_subscription,
)

_EXPANDED: Final[Any] = {"expand": WITH_AMOUNTS}
Json = dict[str, Any]


class SubscriptionCalls:
    """Methods of a gateway for subscriptions."""

    _client: stripe.StripeClient

    def create_subscription(self, draft: SubscriptionDraft, *, key: str) -> ProviderSubscription:
        """Create one, even if its first invoice is not paid. Stripe docs: create a subscription.

        If creation failed without immediate payment, the customer could never authenticate it.
        """
        params: Any = _create_params(draft)
        return self._read(
            call_stripe(
                lambda: self._client.v1.subscriptions.create(params, {"idempotency_key": key})
            )
        )

    def preview_total(self, draft: SubscriptionDraft) -> int:
        """Preview the first invoice. Stripe docs: create a preview invoice."""
        made = _create_params(draft)
        details = {name: made[name] for name in ("items", "default_tax_rates") if name in made}
        params: Any = {"customer": draft.customer, "subscription_details": details}
        answer = call_stripe(lambda: self._client.v1.invoices.create_preview(params))
        return objects.amount_of(json_of(answer).get("total"))

    def find_subscriptions(self, *, customer: str, reference: str) -> list[ProviderSubscription]:
        """Find subscriptions in the customer's list; Stripe's search lags, its lists don't."""
        params: Json = {"customer": customer, "status": "all", "limit": 100}
        return [
            self.fetch_subscription(objects.object_id(data))
            for data in pages(self._client.v1.subscriptions, params)
            if objects.metadata_of(data).get(metadata_keys.INVOICE) == reference
        ]

    def fetch_subscription(self, subscription_id: str) -> ProviderSubscription:
        """Fetch a subscription with its discounts. Stripe docs: retrieve a subscription."""
        return self._read(self._retrieve(subscription_id))

    def end_subscription(self, subscription_id: str, *, key: str) -> ProviderSubscription:
        """End a subscription now, without a last invoice. Stripe docs: cancel a subscription."""
        params: Any = {"invoice_now": False, "prorate": False, **_EXPANDED}
        try:
            return self._read(
                call_stripe(
                    lambda: self._client.v1.subscriptions.cancel(
                        subscription_id, params, {"idempotency_key": key}
                    )
                )
            )
        except GatewayRejected:
            found = self.fetch_subscription(subscription_id)
            if found.state not in ("canceled", "expired"):
                raise
            return found

    def end_with_period(self, subscription_id: str, *, key: str) -> ProviderSubscription:
        """End a subscription with its period. Stripe docs: update a subscription.

        A scheduled change is released first: Stripe rejects this for one with a schedule.
        """
        self._release(json_of(self._retrieve(subscription_id)), key=key)
        params: Any = {"cancel_at_period_end": True, **_EXPANDED}
        return self._update(subscription_id, params, key=key)

    def change_plan(self, subscription_id: str, items: Items, *, key: str) -> ProviderSubscription:
        """Change items now, prorated on the next invoice. Stripe docs: update a subscription.

        A change in place is not repeated: it would name items that the first call created. A
        scheduled change is released, as it would undo this one; the end of a schedule is kept.
        """
        answer = self._retrieve(subscription_id)
        self._release(json_of(answer), key=key, keep_end=True)
        known = self._read(answer)
        if has_items(known, items):
            return known
        params: Any = {
            "items": replaced_items(known, items),
            "proration_behavior": "create_prorations",
            **_EXPANDED,
        }
        return self._update(subscription_id, params, key=key)

    def schedule_plan(
        self, subscription_id: str, items: Items, *, key: str
    ) -> ProviderSubscription:
        """Change items with the next period, until the end that the subscription has.

        Stripe docs: subscription schedules. An update replaces all later phases.
        """
        answer = self._retrieve(subscription_id)
        known = self._read(answer)
        schedule = self._schedule_of(json_of(answer), key=key)
        with reading("subscription_schedule"):
            phases = phases_of(known, schedule, items)
        params: Any = {
            "phases": phases,
            "end_behavior": "release" if known.cancel_at is None else "cancel",
            "metadata": {metadata_keys.SCHEDULE: key},
        }
        schedules, schedule_id = self._client.v1.subscription_schedules, objects.object_id(schedule)
        call_stripe(
            lambda: schedules.update(schedule_id, params, {"idempotency_key": f"{key}:phases"})
        )
        return self.fetch_subscription(subscription_id)

    def _schedule_of(self, subscription: Json, *, key: str) -> Json:
        """Return the subscription's expanded schedule; create one if there is none."""
        known: Json | None = subscription.get("schedule")
        if known is not None:
            return known
        params: Any = {"from_subscription": subscription["id"]}
        schedules = self._client.v1.subscription_schedules
        return json_of(call_stripe(lambda: schedules.create(params, {"idempotency_key": key})))

    def _release(self, subscription: Json, *, key: str, keep_end: bool = False) -> None:
        """Release a subscription from its schedule, if there is one."""
        known = objects.id_of(subscription.get("schedule"))
        if known is not None:
            schedules = self._client.v1.subscription_schedules
            params: Any = {"preserve_cancel_date": True} if keep_end else {}
            options: Any = {"idempotency_key": f"{key}:release"}
            call_stripe(lambda: schedules.release(known, params, options))

    def _retrieve(self, subscription_id: str) -> Answer:
        return call_stripe(
            lambda: self._client.v1.subscriptions.retrieve(subscription_id, _EXPANDED)
        )

    def _read(self, answer: Answer) -> ProviderSubscription:
        """Read a subscription with all its items: Stripe embeds the first ones."""
        data = json_of(answer)
        with reading("subscription.items"):
            is_partial = items_need_list(data)
        if is_partial:
            params: Json = {"subscription": objects.object_id(data), "limit": 100}
            params["expand"] = ITEMS_WITH_AMOUNTS
            data["items"] = {"data": pages(self._client.v1.subscription_items, params)}
        return to_subscription(data, as_of=answered_at(answer))

    def _update(self, subscription_id: str, params: Any, *, key: str) -> ProviderSubscription:  # noqa: ANN401 - a TypedDict of the SDK
        return self._read(
            call_stripe(
                lambda: self._client.v1.subscriptions.update(
                    subscription_id, params, {"idempotency_key": key}
                )
            )
        )


def _create_params(draft: SubscriptionDraft) -> Json:
    params: Json = {
        "customer": draft.customer,
        "items": [{"price": price, "quantity": quantity} for price, quantity in draft.items],
        "payment_behavior": "allow_incomplete" if draft.charge else "default_incomplete",
        "off_session": draft.off_session,
        "payment_settings": {"save_default_payment_method": "on_subscription"},
        "metadata": draft.metadata,
        **_EXPANDED,
    }
    if draft.tax_rate_id is not None:
        params["default_tax_rates"] = [draft.tax_rate_id]
    if draft.description is not None:
        params["description"] = draft.description
    if draft.footer is not None:
        params["invoice_settings"] = {"footer": draft.footer}
    method = draft.payment_method
    if method is not None and method.startswith(objects.METHOD_ID_PREFIXES):
        params["default_payment_method"] = method
    elif method is not None:
        params["payment_settings"]["payment_method_types"] = [method]
    return params
