"""Queries of reads and lists (API: Lists)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic.alias_generators import to_camel
from starlette.datastructures import QueryParams

from domain.core import money
from domain.invoices import status
from domain.subscriptions.view import STATUSES
from projections.invoices.lists.list_sql import DEEPEST_ROW, InvoiceFilter
from projections.invoices.search_terms import MOST_TERMS, query_terms
from projections.subscriptions.queries import SubscriptionFilter
from projections.work.queries import STATES as WORK_STATES
from service.http.errors import BadRequest, FieldError
from service.http.validation import Currency, Name, SchemaKeywords, Token, Uuid, invalid, validate

Sort = Literal["-createdAt", "createdAt", "-totalMinor", "totalMinor"]
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)")
_INTEGER: Final = re.compile(r"\s*[+-]?[0-9]+\s*")
_MANY: Final = frozenset({"status", "state"})


def _written_out(text: object) -> object:
    """Reject numbers, which pydantic parses as Unix times, and days without a time zone."""
    if isinstance(text, str) and not _MOMENT.fullmatch(text):
        raise invalid("must be a time with its zone, like 2026-01-31T00:00:00Z")
    return text


def split_into(known: Sequence[str]) -> BeforeValidator:
    """Accept both `status=open&status=paid` and `status=open,paid`, of known values."""

    def one(value: str) -> str:
        if value not in known:
            raise invalid(f"must be one of {', '.join(known)}")
        return value

    def split(given: object) -> object:
        if isinstance(given, list):
            return [one(value) for text in given for value in str(text).split(",")]
        return given

    return BeforeValidator(split)


def _plain_integer(text: object) -> object:
    """Reject `1.000` and `1_000`: pydantic reads the first as 1, where it may mean 1000."""
    if isinstance(text, str) and not _INTEGER.fullmatch(text):
        raise invalid("must be an integer in minor units, like 1000")
    return text


def _plain_bool(text: object) -> object:
    """Accept `true` and `false` only; pydantic accepts more."""
    if isinstance(text, str) and text not in ("true", "false"):
        raise invalid("must be true or false")
    return text


def _search_query(fields: str) -> str:
    if not 1 <= len(query_terms(fields)) <= MOST_TERMS:
        raise invalid(f"must have 1 to {MOST_TERMS} terms")
    return fields


_SEARCH_PATTERN: Final = rf"^\s*\S+(\s+\S+){{0,{MOST_TERMS - 1}}}\s*$"
Search = Annotated[
    Name, AfterValidator(_search_query), SchemaKeywords({"pattern": _SEARCH_PATTERN})
]
_AnyWork = Annotated[str, SchemaKeywords({"enum": list(WORK_STATES)})]
_AnyStatus = Annotated[str, SchemaKeywords({"enum": list(status.ALL)})]
_AnyStatuses = Annotated[list[_AnyStatus], split_into(status.ALL)]
_AnySubscriptionStatus = Annotated[str, SchemaKeywords({"enum": list(STATUSES)})]
_AnySubscriptionStatuses = Annotated[list[_AnySubscriptionStatus], split_into(STATUSES)]
Flag = Annotated[bool, BeforeValidator(_plain_bool)]
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
Amount = Annotated[int, BeforeValidator(_plain_integer), Field(ge=0, le=money.MAX_SUM_MINOR)]
Position = Annotated[int, Field(ge=0, le=money.MAX_SUM_MINOR)]


class _Query(BaseModel):
    """A query string: text is parsed as the field's type; unknown fields are rejected."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True
    )


class ReadQuery(_Query):
    """Query of a read."""

    min_position: Position = 0


class WorkQuery(_Query):
    """Filter and page of the list of work."""

    state: Annotated[list[_AnyWork], split_into(WORK_STATES)] = Field(default_factory=list)
    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[Token, Field(max_length=2000)] | None = None


class GetQuery(ReadQuery):
    """Query of one invoice: also as of a time."""

    as_of: Moment | None = None


class ListQuery(ReadQuery):
    """Filters, order, page and format of the list of invoices."""

    status: _AnyStatuses = Field(default_factory=list)
    provider: Literal["stripe", "mollie"] | None = None
    type: Literal["payment", "subscription"] | None = None
    mode: Literal["live", "test"] | None = None
    currency: Currency | None = None
    tenant_uuid: Uuid | None = None
    unassigned: Flag = False
    user_id: Name | None = None
    customer: Name | None = None
    subscription_id: Name | None = None
    origin: Literal["request", "renewal", "provider", "import"] | None = None
    amount_min: Amount | None = None
    amount_max: Amount | None = None
    q: Search | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    paid_from: Moment | None = None
    paid_to: Moment | None = None
    sort: Sort = "-createdAt"
    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[Token, Field(max_length=2000)] | None = None
    page: int | None = Field(None, ge=0, le=100_000)
    format: Literal["json", "csv"] = "json"


class SubscriptionListQuery(ReadQuery):
    """Filters, order and page of the list of subscriptions."""

    status: _AnySubscriptionStatuses = Field(default_factory=list)
    provider: Literal["stripe", "mollie"] | None = None
    mode: Literal["live", "test"] | None = None
    tenant_uuid: Uuid | None = None
    unassigned: Flag = False
    user_id: Name | None = None
    customer: Name | None = None
    connection: Name | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    sort: Literal["-createdAt", "createdAt"] = "-createdAt"
    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[Token, Field(max_length=2000)] | None = None


Query = TypeVar("Query", bound=BaseModel)


def read_query(kind: type[Query], params: QueryParams) -> Query:
    """Parse a query string. Raises BadRequest with all errors."""
    given: dict[str, Any] = {}
    for name in params:
        values = params.getlist(name)
        given[name] = values if name in _MANY else values[-1]
        if len(values) > 1 and name not in _MANY:
            path = name[:200]
            raise BadRequest(FieldError(message=f"{path}: must be given once", path=path))
    return validate(kind, given)


def read_list_query(params: QueryParams, *, paged: bool) -> ListQuery:
    """Parse the query of a list; `paged`: it accepts `page`. Raises BadRequest."""
    query = read_query(ListQuery, params)
    refuse_clashes(_clashes(query, paged=paged))
    return query


def refuse_clashes(clashes: Iterable[tuple[str, str]]) -> None:
    """Raise BadRequest for fields that exclude each other, given with the reason."""
    faults = [FieldError(message=f"{path}: {why}", path=path) for path, why in clashes]
    if faults:
        raise BadRequest(*faults)


def _clashes(query: ListQuery, *, paged: bool) -> Iterator[tuple[str, str]]:
    """Yield the fields that exclude each other, with the reason."""
    yield from clashes_of_tenants(query)
    if query.currency is None and (query.amount_min, query.amount_max) != (None, None):
        yield "currency", "is required with amountMin and amountMax"
    if query.format == "csv":
        yield from clashes_with_csv(query)
    elif query.page is not None and (query.cursor is not None or not paged):
        yield "page", "use cursor here"
    elif (query.page or 0) * query.limit > DEEPEST_ROW:
        yield "page", "is too deep: use cursor"


def clashes_with_csv(query: BaseModel) -> Iterator[tuple[str, str]]:
    """Yield the given fields that choose a part of a list, which CSV has as a whole."""
    for name in ("limit", "cursor", "page"):
        if name in query.model_fields_set:
            yield name, "the whole list is given as CSV"


def clashes_of_tenants(query: ListQuery | SubscriptionListQuery) -> Iterator[tuple[str, str]]:
    """Yield an error for a tenant's unassigned objects, which do not exist."""
    if query.unassigned and query.tenant_uuid is not None:
        yield "unassigned", "goes with no tenantUuid"


def to_filter(
    query: ListQuery,
    app_id: UUID,
    *,
    default_mode: str | None,
    fixed: Mapping[str, object],
) -> InvoiceFilter:
    """Build the filter of the read model; `fixed` comes from the path and overrides the query."""
    return InvoiceFilter(app_id=app_id, **{**_filter_fields(query, default_mode), **fixed})


def to_subscription_filter(
    query: SubscriptionListQuery,
    app_id: UUID,
    *,
    default_mode: str | None,
    fixed: Mapping[str, object],
) -> SubscriptionFilter:
    """Build the filter of the read model; `fixed` comes from the path and overrides the query."""
    return SubscriptionFilter(app_id=app_id, **{**_filter_fields(query, default_mode), **fixed})


def _filter_fields(
    query: ListQuery | SubscriptionListQuery, default_mode: str | None
) -> dict[str, Any]:
    fields: dict[str, Any] = query.model_dump(exclude={"min_position", "tenant_uuid", "format"})
    fields["status"] = tuple(fields["status"])
    fields["tenant_id"] = query.tenant_uuid
    fields["mode"] = query.mode or default_mode
    return fields
