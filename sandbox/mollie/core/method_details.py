"""The ``details`` of payments and mandates, by payment method."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.mollie.core import times
from sandbox.mollie.core.call import Call

CARD: Json = {
    "cardHolder": "T. TEST",
    "cardNumber": "6787",
    "cardFingerprint": "sBwHVzJJ5h8CvgG8kTTW7xpq",
    "cardLabel": "Mastercard",
}
BANK: Json = {
    "consumerName": "T. TEST",
    "consumerAccount": "NL55INGB0000000000",
    "consumerBic": "INGBNL2A",
}
CARD_PAYMENT: Json = CARD | {
    "cardAudience": "consumer",
    "cardCountryCode": "NL",
    "cardFunding": "debit",
    "cardSecurity": "normal",
    "feeRegion": "intra-eu",
}
PAYPAL: Json = {
    "consumerName": "T. TEST",
    "consumerAccount": "test@example.org",
    "paypalReference": "9AL35361CF606152E",
    "paypalPayerId": "WDJJHEBZ4X2LY",
    "sellerProtection": "ELIGIBLE",
}
TRANSFER: Json = {
    "bankName": "Stichting Mollie Payments",
    "bankAccount": "NL53ABNA0627535577",
    "bankBic": "ABNANL2A",
}

WORDS = {
    "card_declined": "The card was declined",
    "card_expired": "The card has expired",
    "insufficient_funds": "Your bank account has insufficient funds",
}


def when_open(payment: Json) -> Json | None:
    """Returns the details of an unpaid payment."""
    if payment["method"] != "banktransfer":
        return None
    digits = "".join(str(ord(letter) % 10) for letter in payment["id"][-12:])
    return TRANSFER | {
        "transferReference": f"RF{digits[:2]}-{digits[:4]}-{digits[4:8]}-{digits[8:]}"
    }


def when_paid(call: Call, payment: Json) -> Json:
    """Returns the details of a paid or attempted payment."""
    method = payment["method"]
    if method == "creditcard":
        return dict(CARD_PAYMENT)
    if method == "paypal":
        return dict(PAYPAL)
    if method == "directdebit":
        mandate = call.find("mandate", payment.get("mandateId")) or {}
        return BANK | {
            "creditorIdentifier": "NL08ZZZ502057730000",
            "dueDate": times.shown(call.now)[:10],
            "signatureDate": mandate.get("signatureDate"),
            "mandateReference": mandate.get("mandateReference"),
            "endToEndIdentifier": payment["id"][3:19],
        }
    if method == "banktransfer":
        return BANK | (payment.get("details") or {})
    return dict(BANK)


def when_failed(payment: Json, reason: str) -> Json:
    """Returns the details of a failed payment; those of cards contain Mollie's failure reason."""
    if payment["method"] == "creditcard":
        words = WORDS.get(reason, "The payment has failed")
        return CARD_PAYMENT | {"failureReason": reason, "failureMessage": words}
    if payment["method"] == "directdebit":
        return BANK | {"bankReasonCode": "AM04", "bankReason": "Insufficient funds"}
    return {}


def of_mandate(method: str) -> Json:
    """Returns a mandate's details of its card or bank account."""
    if method == "creditcard":
        return CARD | {"cardExpiryDate": "2030-12-31"}
    return BANK if method == "directdebit" else BANK | {"consumerBic": None}
