"""Object ids in Stripe's format: a prefix, then random letters and digits."""

from __future__ import annotations

import hashlib
import os
import string
from typing import Final

ALPHABET = string.ascii_letters + string.digits

# Maps random bytes to the alphabet. Bytes beyond its last multiple are left out, so that all
# characters are equally likely.
_USED: Final = 256 - 256 % len(ALPHABET)
_CHARACTERS: Final = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_UNUSED: Final = bytes(range(_USED, 256))

# Length of the random part by prefix, where it is not 24.
LENGTHS = {"cus_": 14, "prod_": 14, "req_": 14}


def fresh(prefix: str) -> str:
    """Returns a new id, such as ``in_1TGn…``."""
    return prefix + random_text(LENGTHS.get(prefix, 24))


def random_text(length: int) -> str:
    """Returns random letters and digits from a secure source."""
    # As few steps as possible: a history of thousands of invoices needs many ids.
    text = b""
    while len(text) < length:
        text += os.urandom(2 * length).translate(_CHARACTERS, _UNUSED)
    return text[:length].decode("ascii")


def account_id(key: str) -> str:
    """Returns the account id of a secret key: deterministic and not reversible."""
    digest = hashlib.sha256(key.encode()).digest()
    return "acct_" + "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:16])
