"""Ids and envelopes that the examples of several capabilities share."""

from typing import Final

from service.openapi.declare import Json

APP: Final = "0c6a8f0e-7d0b-4e7a-9d5c-1f2b3a4c5d6e"
TENANT: Final = "11111111-1111-1111-1111-111111111111"
INVOICE: Final = "5b0f3c1e-2a4d-5e6f-8a9b-0c1d2e3f4a5b"


def one(kind: str, item: Json) -> Json:
    """Put an item into the envelope."""
    return {"kind": kind, "totalItems": 1, "itemsLength": 1, "items": [item]}
