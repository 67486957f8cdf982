"""Size of the measurements."""

from dataclasses import dataclass
from typing import Final

CALLERS: Final = (1, 8, 32)


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Rounds and their length; what is compared takes turns in each round."""

    rounds: int
    ack_rounds: int
    ack_s: float
    warm_up_s: float
    append_s: float
    invoices: int
    lag_s: float
    idle_s: float
    pickups: int
    requests: int
    pipeline: int
    rows: int
    growth_events: int
    crashes: int
    processes: int = 1
    # Scale also over two machines, each a network namespace.
    namespaces: bool = False
    # Of the audited connection; reconciliation has a fifth of it.
    audit_calls_per_s: int = 100
    audit_objects: int = 100_000
    # A folder with the npm packages @supabase/stripe-sync-engine and stripe.
    sync_engine: str | None = None


FULL: Final = Effort(
    rounds=3,
    ack_rounds=5,
    ack_s=1.5,
    warm_up_s=0.4,
    append_s=1.0,
    invoices=10_000,
    lag_s=8,
    idle_s=20,
    pickups=60,
    requests=40,
    pipeline=480,
    rows=100_000,
    growth_events=1_000_000,
    crashes=20,
)
QUICK: Final = Effort(
    rounds=1,
    ack_rounds=1,
    ack_s=0.5,
    warm_up_s=0.2,
    append_s=0.3,
    invoices=1_500,
    lag_s=2,
    idle_s=2,
    pickups=10,
    requests=10,
    pipeline=32,
    rows=10_000,
    growth_events=100_000,
    crashes=1,
)
