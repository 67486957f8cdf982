"""Object ids in Mollie's format: a prefix, then random letters and digits."""

from __future__ import annotations

import hashlib
import secrets
import string

ALPHABET = string.ascii_letters + string.digits

# Length of the random part by prefix, where it is not 10.
LENGTHS = {"tr_": 22, "re_": 22, "chb_": 21, "cpt_": 22, "hook_": 21, "event_": 21}


def fresh(prefix: str) -> str:
    """Returns a new id, such as ``cst_8wmqcHMN4U``."""
    return prefix + random_text(LENGTHS.get(prefix, 10))


def random_text(length: int) -> str:
    """Returns random letters and digits from a secure source."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def organization_id(key: str) -> str:
    """Returns the organization id of a key; deterministic, and not derived reversibly."""
    digest = hashlib.sha256(key.encode()).digest()
    return "org_" + "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:16])
