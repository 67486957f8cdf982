"""The Checkout session object in Stripe's format."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call


def new_session(call: Call, setup_intent: str) -> Json:
    """Returns an open session of mode ``setup``, not yet stored."""
    session_id = ids.fresh("cs_live_a1" if call.account.livemode else "cs_test_a1")
    nothing = (
        "adaptive_pricing", "after_expiration", "allow_promotion_codes",
        "allowed_payment_method_types", "amount_subtotal", "amount_total",
        "billing_address_collection", "cancel_url", "client_reference_id", "client_secret",
        "collected_information", "consent", "consent_collection", "currency",
        "currency_conversion", "customer", "customer_account", "customer_creation",
        "customer_details", "customer_email", "discounts", "excluded_payment_method_types",
        "integration_identifier", "invoice", "invoice_creation", "locale", "origin_context",
        "payment_intent", "payment_link", "payment_method_configuration_details", "permissions",
        "phone_number_collection", "recovered_from", "return_url", "saved_payment_method_options",
        "shipping_address_collection", "shipping_cost", "submit_type", "subscription",
        "success_url", "total_details", "wallet_options",
    )  # fmt: skip
    words = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    return {
        "id": session_id,
        "object": "checkout.session",
        **dict.fromkeys(nothing),
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": call.now,
        "custom_fields": [],
        "custom_text": dict.fromkeys(words),
        "livemode": call.account.livemode,
        "metadata": {},
        "mode": "setup",
        "payment_method_collection": "always",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card", "sepa_debit"],
        "payment_status": "no_payment_required",
        "setup_intent": setup_intent,
        "shipping_options": [],
        "status": "open",
        "ui_mode": "hosted_page",
        "url": f"{call.public_url}/stripe/checkout/{session_id}",
    }
