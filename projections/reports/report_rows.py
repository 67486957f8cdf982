"""Hold the filter of reports and the rows that they answer with."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class PeriodSums:
    """Revenue of a period; `…_count`: of invoices, refunds, disputes, attempts.

    Each amount counts when it came or went, so that what is disputed may have come in long before.
    """

    collected_minor: int = 0
    collected_count: int = 0
    refunded_minor: int = 0
    refunded_count: int = 0
    disputed_minor: int = 0
    disputed_count: int = 0
    refused_minor: int = 0
    refused_count: int = 0

    @property
    def net_minor(self) -> int:
        """Return revenue less refunds and disputes."""
        return self.collected_minor - self.refunded_minor - self.disputed_minor

    @property
    def attempts(self) -> int:
        """Return the number of charge attempts that succeeded or were declined."""
        return self.collected_count + self.refused_count

    @property
    def failure_rate(self) -> float | None:
        """The part of the attempts that was refused; None where none ended."""
        return self.refused_count / self.attempts if self.attempts else None

    @staticmethod
    def total(several: Iterable["PeriodSums"]) -> "PeriodSums":
        """Add up."""
        summed = PeriodSums()
        for one in several:
            summed = PeriodSums(
                **{
                    field.name: getattr(summed, field.name) + getattr(one, field.name)
                    for field in fields(PeriodSums)
                }
            )
        return summed


@dataclass(frozen=True, kw_only=True)
class SummaryRow(PeriodSums):
    """An app's sums in one currency and mode, and what it is owed; `…_count` counts invoices.

    `recurring_minor` comes in each month, of so many subscriptions.
    """

    mode: str
    currency: str
    outstanding_minor: int = 0
    outstanding_count: int = 0
    overdue_minor: int = 0
    overdue_count: int = 0
    recurring_minor: int = 0
    recurring_count: int = 0
    unpriced_minor: int = 0
    unpriced_count: int = 0
    usage_based_minor: int = 0
    usage_based_count: int = 0


@dataclass(frozen=True, kw_only=True)
class RevenueRow:
    """Revenue in one currency and mode, by bucket."""

    mode: str
    currency: str
    buckets: list[PeriodSums]


@dataclass(frozen=True, kw_only=True)
class ReportFilter:
    """Filter of a report; a field that is None accepts any value.

    Modes and currencies stay apart; providers and connections are added up.
    """

    app_id: UUID
    mode: str | None = None
    currency: str | None = None
    provider: str | None = None
    connection: str | None = None
