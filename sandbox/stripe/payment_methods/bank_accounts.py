"""Test bank accounts by IBAN, and the result of debits on each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sandbox.common.store import Json
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.payment_methods.cards import Decline

FAILED = "payment_intent_payment_attempt_failed"
GENERIC = Decline(FAILED, "generic_decline", "The bank could not carry out this debit.")
INSUFFICIENT = Decline(
    FAILED, "insufficient_funds", "The customer's account has insufficient funds for this debit."
)


@dataclass(frozen=True)
class TestAccount:
    """A test bank account: the result of its debits, and whether they are disputed."""

    iban: str
    decline: Decline | None = None
    disputed: bool = False


BY_IBAN: dict[str, TestAccount] = {
    account.iban: account
    for account in (
        TestAccount("DE89370400440532013000"),
        TestAccount("DE08370400440532013003"),
        TestAccount("DE62370400440532013001", GENERIC),
        TestAccount("DE78370400440532013004", GENERIC),
        TestAccount("DE55370400440002222227", INSUFFICIENT),
        TestAccount("DE35370400440532013002", disputed=True),
        TestAccount("AT611904300234573201"),
        TestAccount("AT321904300235473204"),
        TestAccount("AT861904300235473202", GENERIC),
        TestAccount("AT051904300235473205", GENERIC),
        TestAccount("AT981904300002222227", INSUFFICIENT),
        TestAccount("AT591904300235473203", disputed=True),
    )
}


def by_iban(iban: str) -> TestAccount:
    """Returns the account of an IBAN, with or without spaces. Raises InvalidRequest."""
    account = BY_IBAN.get(iban.replace(" ", "").upper())
    if account is None:
        raise InvalidRequest(
            "The IBAN you provided is invalid.", code="invalid_bank_account_iban", param="iban"
        )
    return account


def details(account: TestAccount) -> Json:
    """Returns the ``sepa_debit`` details of a payment method."""
    return {
        "bank_code": account.iban[4:12],
        "branch_code": "",
        "country": account.iban[:2],
        "fingerprint": hashlib.sha256(account.iban.encode()).hexdigest()[:16],
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": account.iban[-4:],
    }
