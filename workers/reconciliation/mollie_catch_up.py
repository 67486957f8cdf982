"""Catch up on Mollie, which has no list of events: the newest payments, refunds and chargebacks.

A change of an older payment comes with its refund or chargeback, or with the check of open items.
"""

from __future__ import annotations

from dataclasses import dataclass

from projections.work.checkpoints import Checkpoints
from workers.providers.retry import Span
from workers.reconciliation.event_catch_up import (
    OVERLAP_S,
    SETTLE_S,
    CatchUpResult,
    checkpoint_name,
)
from workers.reconciliation.mollie_audit import PAYMENT_LISTS, MollieAudit


@dataclass(frozen=True, kw_only=True)
class MollieCatchUp:
    """Reads one connection's lists on from the checkpoint. `since_s`: where it begins without."""

    audit: MollieAudit
    checkpoints: Checkpoints
    since_s: int

    @property
    def name(self) -> str:
        """Return the name of the checkpoint."""
        return checkpoint_name(self.audit.inbox.connection.connection_id)

    def run(self) -> CatchUpResult:
        """Enter what was missed; an interrupted run goes on where it stopped.

        Raises the gateway's errors, LogUnavailable, WorkUnavailable and Stopped.
        """
        stored = self.checkpoints.find(self.name) or {"read_s": self.since_s}
        end = int(stored.get("until") or self.audit.now_s() - SETTLE_S)
        if end <= stored["read_s"]:
            return CatchUpResult(entered=0)
        # Kept, so that a run which was interrupted goes on with the same period.
        self.checkpoints.save(self.name, stored | {"until": end})
        done = self.audit.run(Span(start=stored["read_s"], end=end), only=PAYMENT_LISTS)
        again_s = max(end - OVERLAP_S, self.since_s)
        self.checkpoints.save(self.name, {"read_s": again_s, "reached_s": end})
        return CatchUpResult(entered=sum(done.found.values()))
