"""Table of the supported payment methods, with their limits and properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EURO = frozenset({"EUR"})
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400

# Mollie docs, payment methods: currencies beside the euro.
CARD_CURRENCIES = frozenset(
    (
        "AED AUD BGN BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS ISK JPY MXN MYR NOK NZD PHP PLN RON"
        " RUB SEK SGD THB TWD USD ZAR"
    ).split()
)
PAYPAL_CURRENCIES = CARD_CURRENCIES - {"AED", "BGN", "ISK", "RON", "ZAR"}


@dataclass(frozen=True)
class Method:
    """A payment method. Limits are in minor units and apply to each of its currencies unconverted.

    ``opens``: the kind of mandate that a first payment creates; None: none.
    ``authorizes``: authorized first and captured later, whatever the payment's ``captureMode``.
    ``hold_s``: time within which an authorization is captured; None: the method has none.
    ``parts``: captured in parts; a capture of another method releases the rest.
    ``cancelable``: the merchant may cancel while it is open.
    """

    name: str
    currencies: frozenset[str] = EURO
    minimum: int = 1
    maximum: int | None = 5_000_000
    expires_s: int = HOUR_S
    opens: str | None = None
    recurring: bool = False
    authorizes: bool = False
    hold_s: int | None = None
    parts: bool = False
    cancelable: bool = False
    online: bool = True


METHODS: Mapping[str, Method] = {
    "ideal": Method("iDEAL", expires_s=15 * MINUTE_S, opens="directdebit"),
    "creditcard": Method(
        "Card",
        currencies=CARD_CURRENCIES,
        maximum=1_000_000,
        expires_s=30 * MINUTE_S,
        hold_s=7 * DAY_S,
        opens="creditcard",
        recurring=True,
    ),
    "bancontact": Method("Bancontact", minimum=2, opens="directdebit"),
    "banktransfer": Method(
        "Bank transfer", maximum=100_000_000, expires_s=14 * DAY_S, cancelable=True
    ),
    "paypal": Method(
        "PayPal",
        currencies=PAYPAL_CURRENCIES,
        maximum=None,
        expires_s=3 * HOUR_S,
        opens="paypal",
        recurring=True,
    ),
    "directdebit": Method(
        "SEPA Direct Debit", maximum=100_000, recurring=True, cancelable=True, online=False
    ),
    "belfius": Method("Belfius Pay Button", opens="directdebit"),
    "kbc": Method("KBC/CBC Payment Button", opens="directdebit"),
    "eps": Method("eps", expires_s=15 * MINUTE_S, opens="directdebit"),
    "przelewy24": Method("Przelewy24", currencies=frozenset({"EUR", "PLN"}), maximum=1_250_000),
    "klarna": Method(
        "Pay with Klarna",
        currencies=frozenset({"EUR", "GBP", "SEK", "NOK", "DKK", "CHF"}),
        maximum=1_000_000,
        expires_s=48 * HOUR_S,
        authorizes=True,
        hold_s=28 * DAY_S,
        parts=True,
        cancelable=True,
    ),
    "riverty": Method(
        "Riverty",
        maximum=150_000,
        authorizes=True,
        hold_s=28 * DAY_S,
        parts=True,
        cancelable=True,
    ),
}

# Before a method is chosen on the checkout page (Mollie OpenAPI, create a payment: the example).
UNCHOSEN_EXPIRES_S = 15 * MINUTE_S

NEEDS_LINES = frozenset({"klarna", "riverty"})
"""Methods that sell on account: they want to know what is bought."""

NEVER_FREE = frozenset(METHODS) - {"creditcard", "paypal"}
"""A first payment of nothing is for these others only (Mollie docs: recurring payments)."""


def allows(method: str, *, currency: str, amount_minor: int, sequence: str) -> bool:
    """Returns whether a payment can be made with a method."""
    traits = METHODS[method]
    if currency not in traits.currencies:
        return False
    if sequence == "recurring":
        return traits.recurring
    if sequence == "first" and not (traits.opens and traits.online):
        return False
    if amount_minor == 0:
        return sequence == "first" and method not in NEVER_FREE
    highest = traits.maximum if traits.maximum is not None else amount_minor
    return traits.online and traits.minimum <= amount_minor <= highest
