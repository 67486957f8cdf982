"""Headers that several routes share."""

from typing import Final

from service.openapi.declaring import Header

_POSITION: Final = {"type": "integer", "minimum": 0}

REQUEST_ID: Final = Header(
    name="X-Request-Id",
    description="The request's name in our logs: yours, if it was a sane one, else a new one.",
    schema={"type": "string"},
    always=True,
)
POSITION: Final = Header(
    name="X-Billhook-Position",
    description="The place in the log of what was written; pass it to a reader as `minPosition`.",
    schema=_POSITION,
)
ALWAYS_POSITION: Final = Header(
    name=POSITION.name, description=POSITION.description, schema=_POSITION, always=True
)
LAG_MS: Final = Header(
    name="X-Billhook-Lag-Ms",
    description="How many milliseconds the answer is behind the log.",
    schema={"type": "integer", "minimum": 0},
    always=True,
)
LOCATION: Final = Header(
    name="Location",
    description="Where what was asked for can be read.",
    schema={"type": "string"},
    always=True,
)
ADDRESS: Final = Header(
    name="Location",
    description="Where it is, for a while.",
    schema={"type": "string", "format": "uri"},
    always=True,
)
REPLAYED: Final = Header(
    name="Idempotent-Replayed",
    description="`true`, if this request was answered before under its key.",
    schema={"type": "string", "const": "true"},
)
RETRY_AFTER: Final = Header(
    name="Retry-After",
    description="After how many seconds it is worth asking again.",
    schema={"type": "integer", "minimum": 0},
    always=True,
)

IDEMPOTENCY_KEY: Final = Header(
    name="Idempotency-Key",
    description="Send the same key with a repeated request and it is carried out once only.",
    schema={"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
)
PREFER: Final = Header(
    name="Prefer",
    description="How long to wait for the outcome: `wait=<seconds>` (at most 60), or "
    "`respond-async` for not at all. What makes no sense is ignored.",
    schema={"type": "string", "examples": ["wait=30", "respond-async"]},
)
STRIPE_SIGNATURE: Final = Header(
    name="Stripe-Signature",
    description="Stripe's signature over the bytes of the body.",
    schema={"type": "string"},
)

RATES: Final = (
    Header(
        name="RateLimit-Limit",
        description="How many requests this caller may send in a minute.",
        schema={"type": "integer", "minimum": 1},
    ),
    Header(
        name="RateLimit-Remaining",
        description="How many of them are left.",
        schema={"type": "integer", "minimum": 0},
    ),
    Header(
        name="RateLimit-Reset",
        description="After how many seconds it is as many again.",
        schema={"type": "integer", "minimum": 0},
    ),
)
