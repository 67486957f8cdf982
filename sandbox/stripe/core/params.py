"""Parameter models, and Stripe's errors for invalid parameters."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from sandbox.stripe.core.errors import BadParameters
from sandbox.stripe.core.forms import Form

MAX_INTEGER = 2**63 - 1


def _integer(value: object) -> object:
    text = str(value)
    if not text.removeprefix("-").isdecimal() or abs(int(text)) > MAX_INTEGER:
        raise PydanticCustomError("integer", "Invalid integer: {text}", {"text": text})
    return int(text)


def _boolean(value: object) -> object:
    if value not in ("true", "false"):
        raise PydanticCustomError("boolean", "Invalid boolean: {text}", {"text": str(value)})
    return value == "true"


def _decimal(value: object) -> object:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise PydanticCustomError("decimal", "Invalid decimal: {text}", {"text": str(value)})
    return number


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("text", "Invalid string: {text}", {"text": str(value)})
    if not value:
        raise PydanticCustomError("empty", "empty")
    return value


def _clearable(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("text", "Invalid string: {text}", {"text": str(value)})
    return value


def listed(value: object) -> object:
    """Read a list; an empty string unsets a field."""
    if value != "" and not isinstance(value, list):
        raise PydanticCustomError("array", "Invalid array")
    return [] if value == "" else value


def none_if_empty(value: object) -> object:
    """Maps an empty string to None, which unsets a field."""
    return None if value == "" else value


def _hash(value: object) -> object:
    if not isinstance(value, dict):
        raise PydanticCustomError("object", "Invalid object")
    return value


def _metadata(value: object) -> object:
    if value == "":
        return {"": ""}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise PydanticCustomError("object", "Invalid object")
    if any(len(key) > MAX_METADATA_KEY for key in value):
        raise PydanticCustomError(
            "limit", "Metadata keys can be at most {n} characters long", {"n": MAX_METADATA_KEY}
        )
    if any(len(item) > MAX_METADATA_VALUE for item in value.values()):
        raise PydanticCustomError(
            "limit", "Metadata values can have up to {n} characters", {"n": MAX_METADATA_VALUE}
        )
    return value


MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500

Int = Annotated[int, BeforeValidator(_integer)]
Bool = Annotated[bool, BeforeValidator(_boolean)]
Dec = Annotated[Decimal, BeforeValidator(_decimal)]
Text = Annotated[str, BeforeValidator(_text)]
Clearable = Annotated[str, BeforeValidator(_clearable)]
"""A string that an empty value unsets."""
Texts = Annotated[list[Text], BeforeValidator(listed)]
Metadata = Annotated[dict[str, str], BeforeValidator(_metadata)]
Currency = Annotated[str, BeforeValidator(_text), Field(pattern=r"^[A-Za-z]{3}$")]


class NestedParams(BaseModel):
    """A nested object of parameters; unknown names are rejected."""

    model_config = ConfigDict(extra="forbid")


class Params(NestedParams):
    """The parameters of an operation.

    ``unsupported``: Stripe's parameters that the sandbox lacks, such as ``lines[][discounts]``.
    """

    unsupported: ClassVar[frozenset[str]] = frozenset()
    expand: Texts = []


class NoParams(Params):
    """Parameters of an operation that takes only ``expand``."""


class Range(NestedParams):
    """A comparison on a time."""

    gt: Int | None = None
    gte: Int | None = None
    lt: Int | None = None
    lte: Int | None = None


def _range(value: object) -> object:
    return {"gte": value, "lte": value} if isinstance(value, str) else _hash(value)


class Page(Params):
    """Paging parameters of every list."""

    limit: Int = 10
    starting_after: Text | None = None
    ending_before: Text | None = None


class CreatedPage(Page):
    """Paging parameters with a filter by creation time."""

    created: Annotated[Range, BeforeValidator(_range)] | None = None


class Address(NestedParams):
    """A postal address."""

    city: Clearable | None = None
    country: Clearable | None = None
    line1: Clearable | None = None
    line2: Clearable | None = None
    postal_code: Clearable | None = None
    state: Clearable | None = None


class Period(NestedParams):
    """The period of a line."""

    start: Int
    end: Int


TaxBehavior = Literal["exclusive", "inclusive", "unspecified"]

P = TypeVar("P", bound=Params)


def read(model: type[P], form: Form) -> P:
    """Validates a request's parameters. Raises BadParameters as Stripe does."""
    try:
        return model.model_validate(form)
    except ValidationError as fault:
        raise to_error(model, fault) from fault


def to_error(model: type[Params], fault: ValidationError) -> BadParameters:
    """Converts the first validation error (unknown names first) to Stripe's error."""
    errors = fault.errors(include_url=False, include_context=True)
    unknown = [_name(error["loc"]) for error in errors if error["type"] == "extra_forbidden"]
    unsupported_names = [name for name in unknown if _stem(name) in model.unsupported]
    if unsupported_names:
        return BadParameters(
            f"This sandbox does not implement Stripe's parameter {unsupported_names[0]}.",
            param=unsupported_names[0],
        )
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        return BadParameters(
            f"Received unknown parameter{plural}: {', '.join(unknown)}",
            code="parameter_unknown",
            param=unknown[0],
        )
    return _described(errors[0])


_SHAPES = {
    "list_type": "Invalid array",
    "dict_type": "Invalid object",
    "model_type": "Invalid object",
    "model_attributes_type": "Invalid object",
}


def _described(error: ErrorDetails) -> BadParameters:
    name = _name(error["loc"])
    kind = error["type"]
    if kind == "missing":
        return BadParameters(
            f"Missing required param: {name}.", code="parameter_missing", param=name
        )
    if kind == "empty":
        return BadParameters(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to"
            f" unset a parameter; however '{name}' cannot be unset. You should remove '{name}'"
            " from your request or supply a non-empty value.",
            code="parameter_invalid_empty",
            param=name,
        )
    if kind == "literal_error":
        allowed = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return BadParameters(f"Invalid {name}: must be one of {allowed}", param=name)
    if kind in _SHAPES:
        return BadParameters(_SHAPES[kind], param=name)
    code = "parameter_invalid_integer" if kind == "integer" else None
    if kind in {"integer", "boolean", "decimal", "array", "object", "text", "limit"}:
        return BadParameters(error["msg"], code=code, param=name)
    return BadParameters(f"Invalid {name}: {error['input']}", param=name)


def _stem(name: str) -> str:
    return re.sub(r"\[\d+\]", "[]", name)


def _name(location: tuple[int | str, ...]) -> str:
    # pydantic adds union members to the location; only the caller's names are kept.
    steps = [str(step) for step in location if not str(step).startswith(("function-", "literal"))]
    return steps[0] + "".join(f"[{step}]" for step in steps[1:]) if steps else ""
