"""Create the demo's objects through Stripe's own API, so that they are the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from domain.apps.connection import secret_mark
from domain.core.metadata import ENDPOINT_MARK
from workers.providers.stripe.client import API_VERSION, open_client
from workers.providers.stripe.event_types import EVENT_TYPES

DEMO_CURRENCY: Final = "eur"
DEMO_PRICE_MINOR: Final = 1999
DEMO_TAX_PPM: Final = 210_000

# Stripe docs: testing. These attach to a customer and then behave as their names say.
_CARDS: Final = {
    "succeeds": "pm_card_visa",
    "declined": "pm_card_chargeCustomerFail",
    "needs_authentication": "pm_card_authenticationRequired",
}


@dataclass(frozen=True, kw_only=True)
class StripeDemo:
    """Ids of the created objects; `payment_methods` by their behaviour."""

    customer: str
    payment_methods: dict[str, str]
    price_one_time: str
    price_monthly: str
    tax_rate: str


class StripeDemoMaker:
    """Create the demo's objects; a second call creates them again."""

    def __init__(self, api_key: str, *, api_base: str) -> None:
        self._v1 = open_client(api_key, api_base=api_base).v1

    def make(self) -> StripeDemo:
        """Create a customer with cards, two prices and a tax rate."""
        customer = self._v1.customers.create({"name": "Demo Customer", "email": "demo@example.com"})
        methods = {name: self._attach(card, customer.id) for name, card in _CARDS.items()}
        self._v1.customers.update(
            customer.id, {"invoice_settings": {"default_payment_method": methods["succeeds"]}}
        )
        product = self._v1.products.create({"name": "Pro Plan"})
        rate = self._v1.tax_rates.create(
            {
                "display_name": "VAT",
                "percentage": DEMO_TAX_PPM / 10_000,
                "inclusive": False,
                "country": "NL",
            }
        )
        return StripeDemo(
            customer=customer.id,
            payment_methods=methods,
            price_one_time=self._price(product.id),
            price_monthly=self._price(product.id, recurring={"interval": "month"}),
            tax_rate=rate.id,
        )

    def _attach(self, card: str, customer_id: str) -> str:
        return self._v1.payment_methods.attach(card, {"customer": customer_id}).id

    def _price(self, product_id: str, **more: Any) -> str:  # noqa: ANN401 - the SDK's own parameters
        params: Any = {
            "product": product_id,
            "currency": DEMO_CURRENCY,
            "unit_amount": DEMO_PRICE_MINOR,
            **more,
        }
        return self._v1.prices.create(params).id

    def point_webhooks_at(self, url: str) -> str:
        """Replace our endpoint at Stripe by one at `url`; returns its signing secret."""
        for endpoint in self._v1.webhook_endpoints.list({"limit": 100}).data:
            if endpoint.metadata.to_dict().get("billhook") == "demo":
                self._v1.webhook_endpoints.delete(endpoint.id)
        params: Any = {
            "url": url,
            "enabled_events": list(EVENT_TYPES),
            "api_version": API_VERSION,
            "metadata": {"billhook": "demo"},
        }
        made = self._v1.webhook_endpoints.create(params)
        assert made.secret is not None, "Stripe shows the secret on creation"  # noqa: S101 - documented by Stripe
        mark = {ENDPOINT_MARK: secret_mark(made.secret)}
        self._v1.webhook_endpoints.update(made.id, {"metadata": mark})
        return made.secret
