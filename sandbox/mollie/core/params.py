"""Parameter models: camel-case fields; unknown fields are rejected with Mollie's messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from sandbox.common.store import Json
from sandbox.mollie.core.errors import BadRequest, Unprocessable, invalid, missing
from sandbox.mollie.core.money import minor

MAX_METADATA_BYTES = 1024

LOCALES = frozenset(
    (
        "ca_ES cs_CZ da_DK de_AT de_CH de_DE de_LU en_BE en_GB en_NL en_US es_ES fi_FI fr_BE fr_FR"
        " fr_LU hu_HU is_IS it_IT lt_LT lv_LV nb_NO nl_BE nl_NL pl_PL pt_PT sk_SK sv_SE"
    ).split()
)


class Params(BaseModel):
    """Fields of a body or query. ``unsupported``: fields that only Mollie implements."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)
    unsupported: ClassVar[frozenset[str]] = frozenset()

    def given(self, *omit: str) -> Json:
        """Returns the given fields under their wire names."""
        return self.model_dump(by_alias=True, exclude_unset=True, exclude=set(omit))


P = TypeVar("P", bound=Params)


class NoParams(Params):
    """No parameters."""


class Page(Params):
    """Paging parameters of a list."""

    from_: str | None = Field(default=None, alias="from")
    limit: Annotated[int, Field(ge=1, le=250)] = 50
    sort: Annotated[str, Field(pattern="^(asc|desc)$")] = "desc"


class Amount(Params):
    """A currency and a string with its exact decimals."""

    currency: str
    value: str

    def minor(self, field: str = "amount") -> int:
        """Returns the amount in minor units, or raises Unprocessable."""
        return minor(self.model_dump(), field=field)


class Address(Params):
    """A postal address; not validated."""

    title: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    organization_name: str | None = None
    street_and_number: str | None = None
    street_additional: str | None = None
    postal_code: str | None = None
    email: str | None = None
    phone: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None


def _small(value: object) -> object:
    if len(orjson.dumps(value)) > MAX_METADATA_BYTES:
        raise ValueError("metadata holds about 1 kB at most")
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise ValueError("a list in metadata holds strings")
    return value


def _known_locale(value: object) -> object:
    if value is not None and value not in LOCALES:
        raise ValueError("no such locale")
    return value


Metadata = Annotated[
    str | int | float | dict[str, object] | list[str] | None, BeforeValidator(_small)
]
Locale = Annotated[str | None, BeforeValidator(_known_locale)]
Description = Annotated[str, Field(min_length=1, max_length=255)]
Count = Annotated[StrictInt, Field(ge=1)]


def read(model: type[P], given: Mapping[str, object], *, query: bool) -> P:
    """Validates parameters. Raises Unprocessable for the first invalid one."""
    for name in given:
        if name in model.unsupported:
            raise Unprocessable(f"This sandbox does not know '{name}'", field=name)
    try:
        return model.model_validate(given)
    except ValidationError as fault:
        raise _refusal(fault.errors()[0], query=query) from fault


def _refusal(error: ErrorDetails, *, query: bool) -> Unprocessable:
    location = [str(part) for part in error["loc"]]
    field = ".".join(location)
    if error["type"] == "extra_forbidden":
        where = "query" if query else "body"
        return Unprocessable(
            f'Non-existent {where} parameter "{field}" for this API call.', field=field
        )
    # pydantic appends union members to the location; only the first name is the caller's.
    why = error["msg"].removeprefix("Value error, ")
    return missing(field) if error["type"] == "missing" else invalid(location[0], why)


def parse_body(raw: bytes) -> Json:
    """Parses a body, which is a JSON object or empty."""
    if not raw.strip():
        return {}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise BadRequest("The request body contains invalid JSON") from fault
    if not isinstance(body, dict):
        raise BadRequest("The request body is not a JSON object")
    return body


def check_url(url: str | None, *, field: str, web_only: bool = True) -> None:
    """Raises Unprocessable for a URL that is not absolute. Any scheme is allowed, for app links."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
    except ValueError:  # such as an open bracket
        raise invalid(field, "it is not an absolute URL") from None
    if not parts.scheme or (
        web_only and (parts.scheme not in {"http", "https"} or not parts.netloc)
    ):
        raise invalid(field, "it is not an absolute URL")
