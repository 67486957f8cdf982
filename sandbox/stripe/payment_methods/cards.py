"""Stripe's test cards: their attributes, and the result of charges on each.

Stripe rejects attaching cards that decline at once and has ``pm_card_chargeCustomerFail`` for
"declines after attaching". Here all of them can be attached, so that every decline code can be
tested on an invoice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Authentication = Literal["never", "always", "unless_set_up", "on_session"]
Refunds = Literal["at_once", "pending"]


@dataclass(frozen=True)
class Decline:
    """The reason of a decline: Stripe's code, decline code and message."""

    code: str
    decline_code: str
    message: str


GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
INSUFFICIENT = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = Decline("card_declined", "lost_card", "Your card was declined.")
STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)
AUTHENTICATION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)


@dataclass(frozen=True)
class TestCard:
    """A test card.

    ``authentication``: when the bank requires authentication. ``unless_set_up``: until the
    customer has authenticated once; ``on_session``: set up already, so on session only.
    ``refund``: the initial status of refunds; the admin API changes it later.
    """

    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    authentication: Authentication = "never"
    refund: Refunds = "at_once"


_DECLINED = TestCard("4000000000000002", decline=GENERIC)
_INSUFFICIENT = TestCard("4000000000009995", decline=INSUFFICIENT)
_LOST = TestCard("4000000000009987", decline=LOST)
_STOLEN = TestCard("4000000000009979", decline=STOLEN)
_EXPIRED = TestCard("4000000000000069", decline=EXPIRED)
_CVC = TestCard("4000000000000127", decline=CVC)
_PROCESSING = TestCard("4000000000000119", decline=PROCESSING)
_ALWAYS = TestCard("4000002760003184", authentication="always")
_UNLESS_SET_UP = TestCard("4000002500003155", authentication="unless_set_up")

WELL_KNOWN: dict[str, TestCard] = {
    "pm_card_visa": TestCard("4242424242424242"),
    "pm_card_visa_debit": TestCard("4000056655665556", funding="debit"),
    "pm_card_mastercard": TestCard("5555555555554444", brand="mastercard"),
    "pm_card_amex": TestCard("378282246310005", brand="amex"),
    "pm_card_de": TestCard("4000002760000016", country="DE"),
    "pm_card_nl": TestCard("4000005280000002", country="NL"),
    "pm_card_chargeCustomerFail": TestCard("4000000000000341", decline=GENERIC),
    "pm_card_authenticationRequired": _ALWAYS,
    "pm_card_authenticationRequiredOnSetup": _UNLESS_SET_UP,
    "pm_card_authenticationRequiredSetupForOffSession": TestCard(
        "4000003800000446", authentication="on_session"
    ),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": TestCard(
        "4000008260003178", authentication="always", decline=INSUFFICIENT
    ),
    "pm_card_threeDSecure2Required": TestCard("4000000000003220", authentication="always"),
    "pm_card_pendingRefund": TestCard("4000000000007726", refund="pending"),
    "pm_card_refundFail": TestCard("4000000000005126"),
    "pm_card_chargeDeclined": _DECLINED,
    "pm_card_visa_chargeDeclined": _DECLINED,
    "pm_card_chargeDeclinedInsufficientFunds": _INSUFFICIENT,
    "pm_card_visa_chargeDeclinedInsufficientFunds": _INSUFFICIENT,
    "pm_card_chargeDeclinedLostCard": _LOST,
    "pm_card_visa_chargeDeclinedLostCard": _LOST,
    "pm_card_chargeDeclinedStolenCard": _STOLEN,
    "pm_card_visa_chargeDeclinedStolenCard": _STOLEN,
    "pm_card_chargeDeclinedExpiredCard": _EXPIRED,
    "pm_card_chargeDeclinedIncorrectCvc": _CVC,
    "pm_card_chargeDeclinedProcessingError": _PROCESSING,
}
"""Stripe's reserved ids. They belong to nobody: attaching one makes a payment method like it."""

BY_NUMBER: dict[str, TestCard] = {card.number: card for card in WELL_KNOWN.values()}

LATE_DECLINE = WELL_KNOWN["pm_card_chargeCustomerFail"].number
"""The card that may be kept and declines only when it is charged."""

TOKENS: dict[str, TestCard] = {
    name.replace("pm_card_", "tok_"): card for name, card in WELL_KNOWN.items()
}


def needs_authentication(card: TestCard, *, off_session: bool, set_up: bool) -> bool:
    """Returns whether the bank requires authentication for a charge."""
    match card.authentication:
        case "always":
            return True
        case "unless_set_up":
            return not (off_session and set_up)
        case "on_session":
            return not off_session
        case "never":
            return False
