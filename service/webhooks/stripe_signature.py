"""Stripe's signature over a webhook (Stripe docs: verify webhook signatures manually).

Not the SDK's: it accepts times in the future and raises on bytes that are not UTF-8.
"""

import hmac
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

_LONGEST_HEADER: Final = 4096
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")


class Verdict(StrEnum):
    """Result of the verification of a signature; all but VALID are rejected."""

    VALID = "valid"
    MALFORMED = "malformed"
    FORGED = "forged"
    STALE = "stale"
    FUTURE = "future"


def verify(
    raw: bytes, *, header: str, secrets: Sequence[str], now_s: float, tolerance_s: int
) -> Verdict:
    """Check `t=<unix>,v1=<hex>[,v1=…]` over the raw bytes with any of the secrets.

    Takes constant time. The timestamp is checked only after the signature.
    """
    if len(header) > _LONGEST_HEADER:
        return Verdict.MALFORMED
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    offered = [value for name, _, value in pairs if name == "v1" and _SIGNATURE.fullmatch(value)]
    if len(times) != 1 or not _TIMESTAMP.fullmatch(times[0]) or not offered:
        return Verdict.MALFORMED
    if not _matches(b"%s.%s" % (times[0].encode(), raw), offered=offered, secrets=secrets):
        return Verdict.FORGED
    age_s = now_s - int(times[0])
    if abs(age_s) <= tolerance_s:
        return Verdict.VALID
    return Verdict.STALE if age_s > 0 else Verdict.FUTURE


def _matches(signed: bytes, *, offered: Sequence[str], secrets: Sequence[str]) -> bool:
    found = False
    for secret in secrets:
        expected = hmac.digest(secret.encode(), signed, "sha256").hex()
        for candidate in offered:
            found |= hmac.compare_digest(expected, candidate)
    return found
