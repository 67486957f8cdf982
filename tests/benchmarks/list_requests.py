"""Requests of the benchmark of lists: filters alone and combined, searches, pages, reports."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

from tests.benchmarks.company import COLORS, END, REGIONS, THINGS
from tests.benchmarks.list_rows import Sample

Given = dict[str, Any]
Make = Callable[[Random, Sample], Given]
SORTS: Final = ("-createdAt", "createdAt", "-totalMinor", "totalMinor")
_STATUSES: Final = ("paid", "open", "failed", "void", "draft", "open,failed", "uncollectible")


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _period(chance: Random, name: str) -> Given:
    first = END - timedelta(days=chance.randrange(1, 3 * 365))
    end = first + timedelta(days=chance.choice([1, 7, 31, 92, 365]))
    return {f"{name}From": _moment(first), f"{name}To": _moment(end)}


def _amounts(chance: Random, sample: Sample) -> Given:
    least = chance.randrange(20_000)
    return {
        "currency": sample.view.currency,
        "amountMin": least,
        "amountMax": least + chance.choice([10, 1_000, 50_000]),
    }


_FILTERS: Final[dict[str, Make]] = {
    "status": lambda chance, _: {"status": chance.choice(_STATUSES)},
    "provider": lambda chance, _: {"provider": chance.choice(["stripe", "mollie"])},
    "type": lambda chance, _: {"type": chance.choice(["payment", "subscription"])},
    "mode": lambda chance, _: {"mode": chance.choice(["live", "test"])},
    "origin": lambda chance, _: {"origin": chance.choice(["request", "renewal", "import"])},
    "currency": lambda chance, _: {"currency": chance.choice(["eur", "usd", "chf", "jpy"])},
    "tenantUuid": lambda _, sample: {"tenantUuid": str(sample.view.tenant_id)},
    "unassigned": lambda _, __: {"unassigned": "true"},
    "userId": lambda _, sample: {"userId": sample.view.user_id or "user_0_0"},
    "customer": lambda _, sample: {"customer": sample.view.customer},
    "subscriptionId": lambda _, sample: {
        "subscriptionId": sample.view.subscription_id or "sub_0000000"
    },
    "created": lambda chance, _: _period(chance, "created"),
    "paid": lambda chance, _: _period(chance, "paid"),
    "amount": _amounts,
}
_WORDS: Final[dict[str, Callable[[Random, Sample], str]]] = {
    "common": lambda chance, _: chance.choice([*COLORS, *THINGS, *REGIONS]),
    "rare": lambda chance, sample: chance.choice(
        [sample.view.number or "", sample.view.customer or "", sample.order.split()[-1]]
    ),
    "prefix": lambda chance, _: chance.choice(
        ["in", "in_1", "inv-20", "cus_0", "b", "re", "cus_01"]
    ),
}
_SEARCHES: Final = (
    ("rare",), ("common",), ("prefix",), ("rare", "rare"), ("common", "common"),
    ("rare", "common"), ("common", "prefix"), ("common", "common", "common"),
    ("rare", "common", "prefix"),
)  # fmt: skip


class Requests:
    """Write request targets by their kind, each time another one."""

    def __init__(self, app_id: str, samples: Sequence[Sample]) -> None:
        self._chance = Random(29)  # noqa: S311 - no secret
        self._base = f"/api/v1/apps/{app_id}"
        self._samples = [one for one in samples if one.view.tenant_id is not None]

    def kinds(self) -> dict[str, Callable[[], str]]:
        """Return a function that writes another target, by the kind of request."""
        found: dict[str, Callable[[], str]] = {"page 1": lambda: self._list({})}
        for name, make in _FILTERS.items():
            found[f"filter {name}"] = partial(self._filtered, [make])
        found |= {f"sort {sort}": partial(self._list, {"sort": sort}) for sort in SORTS}
        for several in (2, 3, 4):
            found[f"{several} filters"] = partial(self._several, several)
        found["2 filters, any sort"] = lambda: self._several(2, sort=self._chance.choice(SORTS))
        for words in _SEARCHES:
            found[f"search {' '.join(words)}"] = partial(self._search, words)
        found["search and 2 filters"] = lambda: self._search(self._chance.choice(_SEARCHES), 2)
        return found | {
            "summary": lambda: f"{self._base}/reports/summary",
            "revenue": lambda: f"{self._base}/reports/revenue?interval=month",
        }

    def first_page(self) -> str:
        """Return the target of a list's first page, from which cursors lead on."""
        return self._list({"limit": 100})

    def after(self, cursor: str) -> str:
        """Return the target of the page after a cursor."""
        return self._list({"limit": 100, "cursor": cursor})

    def csv(self) -> str:
        """Return the target of the whole list as CSV."""
        return self._list({"format": "csv"})

    def _list(self, given: Given) -> str:
        return f"{self._base}/invoices" + (f"?{urlencode(given)}" if given else "")

    def _filtered(self, makes: Sequence[Make], more: Given | None = None) -> str:
        """Combine filters; in half of them all values are of one invoice."""
        given: Given = dict(more or {})
        sample = self._chance.choice(self._samples)
        for make in makes:
            given = make(self._chance, sample) | given
            if self._chance.random() < 0.5:
                sample = self._chance.choice(self._samples)
        if "tenantUuid" in given:
            given.pop("unassigned", None)
        return self._list(given)

    def _several(self, several: int, **more: str) -> str:
        return self._filtered(self._chance.sample(list(_FILTERS.values()), several), more)

    def _search(self, words: Sequence[str], filters: int = 0) -> str:
        sample = self._chance.choice(self._samples)
        q = " ".join(_WORDS[word](self._chance, sample) for word in words)
        return self._filtered(self._chance.sample(list(_FILTERS.values()), filters), {"q": q})
