"""Mollie's signature over a webhook of the next generation (Mollie docs: next-gen webhooks).

It has no timestamp: a signed delivery stays valid, and is stored once by its event's id.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

from service.webhooks.stripe_signature import Verdict

HEADER: Final = "x-mollie-signature"
_LONGEST_HEADER: Final = 4096
_SIGNATURE: Final = re.compile(r"(?:sha256=)?([0-9a-f]{64})")


def verify(raw: bytes, *, header: str, secrets: Sequence[str]) -> Verdict:
    """Check `sha256=<hex>` (the prefix is optional) over the raw bytes with any of the secrets.

    The header may have several signatures, separated by commas. Takes constant time.
    """
    if len(header) > _LONGEST_HEADER:
        return Verdict.MALFORMED
    parts = [_SIGNATURE.fullmatch(part.strip()) for part in header.split(",")]
    offered = [part[1] for part in parts if part is not None]
    if not offered:
        return Verdict.MALFORMED
    found = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
        for candidate in offered:
            found |= hmac.compare_digest(expected, candidate)
    return Verdict.VALID if found else Verdict.FORGED
