"""Object ids in Stripe's format: a prefix, then random letters and digits."""

from __future__ import annotations

import hashlib
import secrets
import string

ALPHABET = string.ascii_letters + string.digits

# Length of the random part by prefix, where it is not 24.
LENGTHS = {"cus_": 14, "prod_": 14, "req_": 14}


def fresh(prefix: str) -> str:
    """Returns a new id, such as ``in_1TGn…``."""
    return prefix + random_text(LENGTHS.get(prefix, 24))


def random_text(length: int) -> str:
    """Returns random letters and digits from a secure source."""
    # One random number for all characters: a history of thousands of invoices needs many ids.
    number = secrets.randbelow(len(ALPHABET) ** length)
    characters = []
    for _ in range(length):
        number, index = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[index])
    return "".join(characters)


def account_id(key: str) -> str:
    """Returns the account id of a secret key: deterministic and not reversible."""
    digest = hashlib.sha256(key.encode()).digest()
    return "acct_" + "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:16])
