"""Test the demo's objects at Stripe, and its webhook endpoint."""

from __future__ import annotations

from tests.workers.stripe_harness import Bench
from workers.providers.stripe.demo import StripeDemoMaker


def test_the_demo_has_cards_two_prices_and_one_endpoint(bench: Bench) -> None:
    account = bench.account
    maker = StripeDemoMaker(account.key, api_base=account.url)
    made = maker.make()
    assert made.payment_methods.keys() == {"succeeds", "declined", "needs_authentication"}
    once, monthly = (
        account.v1.prices.retrieve(price) for price in (made.price_one_time, made.price_monthly)
    )
    assert (once.currency, once.unit_amount, once.recurring) == ("eur", 1999, None)
    assert monthly.recurring is not None
    assert (monthly.currency, monthly.recurring.interval) == ("eur", "month")
    customer = account.v1.customers.retrieve(made.customer)
    assert customer.invoice_settings is not None
    assert customer.invoice_settings.default_payment_method == made.payment_methods["succeeds"]

    secrets = {maker.point_webhooks_at(f"https://example.com/{number}") for number in (1, 2)}
    assert len(secrets) == 2
    (endpoint,) = account.v1.webhook_endpoints.list().data
    assert endpoint.url == "https://example.com/2"
