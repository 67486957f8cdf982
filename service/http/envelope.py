"""Envelope and scalar formats of the canonical API: documents, pages, errors and times."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from service.http.errors import FieldError, Problem

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """An answer: a status and a JSON document, built by hand or a response model."""

    status: int
    document: Json | BaseModel


def render_problem(problem: Problem) -> Rendered:
    """Answer with what is wrong, an entry per fault."""
    entries = [_entry(fault, code=problem.code) for fault in problem.faults]
    return Rendered(status=problem.status, document={"errors": entries})


def single(kind: str, shown: Json) -> Json:
    """Put one item into the envelope."""
    return {"kind": kind, "totalItems": 1, "itemsLength": 1, "items": [shown]}


def whole_list(kind: str, items: Sequence[Json]) -> Json:
    """Put all items that there are into the envelope."""
    return {"kind": kind, "totalItems": len(items), "itemsLength": len(items), "items": items}


def page(
    items: Sequence[Json],
    *,
    total: int,
    total_is_exact: bool,
    next_cursor: str | None,
    kind: str = "invoices",
) -> Json:
    """Put a page of a list into the envelope."""
    return {
        "kind": kind,
        "totalItems": total,
        "totalItemsIsExact": total_is_exact,
        "itemsLength": len(items),
        "items": list(items),
        "nextCursor": next_cursor,
    }


def moment(occurred_at: datetime | None) -> str | None:
    """Write a time, in UTC with milliseconds."""
    if occurred_at is None:
        return None
    return occurred_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def written_moment(text: str | None) -> str | None:
    """Write a time as `moment` does, from what a fold wrote."""
    return None if text is None else moment(datetime.fromisoformat(text))


def _entry(fault: FieldError, *, code: str) -> Json:
    facts = asdict(fault)
    optional = {
        "path": facts["path"],
        "providerCode": facts["provider_code"],
        "declineCode": facts["decline_code"],
    }
    known = {name: value for name, value in optional.items() if value is not None}
    return {"validation": "error", "code": code, "message": fault.message, **known}
