"""Lists: newest first, starting at an id, in linked pages."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from sandbox.common.store import Filter, Json
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import BadRequest
from sandbox.mollie.core.params import Page
from sandbox.mollie.core.views import HAL, in_list, link

HELP = "https://docs.mollie.com/reference"


def page(
    call: Call,
    kind: str,
    params: Page,
    *,
    path: str,
    owner: str | None = None,
    filters: Sequence[Filter] = (),
) -> Json:
    """Returns a page; ``from`` is its first object, as in the links of a page."""
    newest_first = params.sort == "desc"
    filters = [*filters, Filter("$._deleted", "is", None)]
    start = _position(call, kind, params.from_)

    def read(boundary: int | None, *, onwards: bool, limit: int) -> list[Json]:
        """Returns the objects at or after a position in list order, or those before it."""
        descending, reach = newest_first == onwards, int(onwards)
        return call.store.find(
            call.account.id,
            kind,
            owner=owner,
            filters=filters,
            after=None if descending or boundary is None else boundary - reach,
            before=boundary + reach if descending and boundary is not None else None,
            newest_first=descending,
            limit=limit,
        )

    found = read(start, onwards=True, limit=params.limit + 1)
    data, rest = found[: params.limit], found[params.limit :]
    earlier = [] if start is None else read(start, onwards=False, limit=params.limit)
    return {
        "count": len(data),
        "_embedded": {f"{kind}s": [in_list(call, body) for body in data]},
        "_links": _links(call, kind, params, path=path, earlier=earlier, rest=rest),
    }


def _links(
    call: Call, kind: str, params: Page, *, path: str, earlier: list[Json], rest: list[Json]
) -> Json:
    return {
        "self": _link(call, path, params, params.from_),
        "previous": _link(call, path, params, earlier[-1]["id"]) if earlier else None,
        "next": _link(call, path, params, rest[0]["id"]) if rest else None,
        "documentation": link(f"{HELP}/list-{kind}s", "text/html"),
    }


def _position(call: Call, kind: str, cursor: str | None) -> int | None:
    if cursor is None:
        return None
    position = call.store.position(call.account.id, kind, cursor)
    if position is None:
        raise BadRequest("Invalid cursor value", field="from")
    return position


def _link(call: Call, path: str, params: Page, cursor: str | None) -> Json:
    query: dict[str, str | int] = {"limit": params.limit}
    if cursor is not None:
        query = {"from": cursor, **query}
    if params.sort != "desc":
        query["sort"] = params.sort
    return link(f"{call.url(path)}?{urlencode(query)}", HAL)
