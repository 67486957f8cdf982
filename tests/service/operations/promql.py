"""Evaluate the part of Prometheus's query language that the alert rules use, on two scrapes.

`[sum by (labels)] ([rate|increase|delta](metric{matchers}[range])) comparison number`
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
Scrape = Mapping[tuple[str, Labels], float]

_SELECTOR: Final = r"(?P<metric>\w+)(?:\{(?P<matchers>[^}]*)\})?"
_EXPRESSION: Final = re.compile(
    r"(?:sum by \((?P<by>[\w, ]+)\) \((?=.*\)\s*[<>=!]))?"
    rf"(?:(?P<function>rate|increase|delta)\({_SELECTOR}\[(?P<range>\d+[smhd])\]\)"
    rf"|{_SELECTOR.replace('metric', 'plain').replace('matchers', 'plain_matchers')})"
    r"\)?\s*(?P<compare>==|>=|<=|>|<)\s*(?P<limit>[\d.]+)"
)
_MATCHER: Final = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def scrape(text: str) -> Scrape:
    """Read the samples of an answer of `/metrics`."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@dataclass(frozen=True)
class Expression:
    """A parsed expression."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    function: str | None
    range_s: float
    by: tuple[str, ...] | None
    compare: str
    limit: float

    def firing(self, first: Scrape, second: Scrape, *, apart_s: float) -> dict[Labels, float]:
        """Return the series that the comparison keeps, from two scrapes `apart_s` apart."""
        sums: dict[Labels, float] = {}
        for labels, value in self._values(first, second, apart_s=apart_s):
            kept = labels if self.by is None else tuple(i for i in labels if i[0] in self.by)
            sums[kept] = sums.get(kept, 0) + value
        compare = _COMPARE[self.compare]
        return {labels: value for labels, value in sums.items() if compare(value, self.limit)}

    def _values(
        self, first: Scrape, second: Scrape, *, apart_s: float
    ) -> Iterator[tuple[Labels, float]]:
        for (name, labels), value in second.items():
            if name != self.metric or not self._matches(dict(labels)):
                continue
            change = value - first.get((name, labels), 0 if self.function != "delta" else value)
            match self.function:
                case None:
                    yield labels, value
                case "rate":
                    yield labels, change / apart_s
                case _:
                    yield labels, change

    def _matches(self, labels: Mapping[str, str]) -> bool:
        for name, comparison, wanted in self.matchers:
            found = labels.get(name, "")
            equal = (
                found == wanted if comparison in {"=", "!="} else bool(re.fullmatch(wanted, found))
            )
            if equal == comparison.startswith("!"):
                return False
        return True


def parse(text: str) -> Expression:
    """Parse an expression; raises ValueError for one outside of the supported part."""
    found = _EXPRESSION.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    part = found.groupdict()
    given = part["range"] or "0s"
    return Expression(
        metric=part["metric"] or part["plain"],
        matchers=tuple(
            (m[1], m[2], m[3])
            for m in _MATCHER.finditer(part["matchers"] or part["plain_matchers"] or "")
        ),
        function=part["function"],
        range_s=float(given[:-1]) * _SECONDS[given[-1]],
        by=None if part["by"] is None else tuple(part["by"].replace(" ", "").split(",")),
        compare=part["compare"],
        limit=float(part["limit"]),
    )
