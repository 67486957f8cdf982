"""Base class, field types and errors of request models."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    Strict,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError

from domain.core import money
from domain.core.errors import UnknownCurrency
from eventlog.security.safe_json import UNSAFE, cleaned
from service.http.errors import BadRequest, FieldError

_LONGEST_PATH: Final = 200


def is_safe(text: str) -> bool:
    """Return whether a string may be stored as it is."""
    return UNSAFE.search(text) is None


def field_path(parts: tuple[int | str, ...]) -> str:
    """Return a field's path, as in `lineItems.3.amountMinor`; keys can be a caller's text."""
    return cleaned(".".join(str(part) for part in parts))[:_LONGEST_PATH]


_MOST_FAULTS: Final = 100
_PLAIN_MESSAGES: Final = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "string_unicode": "must not contain half a surrogate pair",
    "model_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
}


class RequestModel(BaseModel):
    """A request body: camelCase, no unknown fields, strict types."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
    )


@dataclass(frozen=True, eq=False)
class SchemaKeywords:
    """JSON Schema keywords that pydantic cannot derive from a validator."""

    keywords: Mapping[str, Any]

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Add the keywords."""
        return {**handler(core_schema), **self.keywords}


def invalid(message: str) -> PydanticCustomError:
    """Return the error that a validator raises; `message` follows the field's path."""
    return PydanticCustomError("refused", "{reason}", {"reason": message})


def _safe(text: str) -> str:
    if not is_safe(text):
        raise invalid("must not contain control characters")
    return text


def _currency(text: str) -> str:
    try:
        money.exponent(text.lower())
    except UnknownCurrency:
        raise invalid("is not a supported currency") from None
    return text.lower()


VISIBLE: Final = r"^[\x21-\x7e]+$"
COUNTRY: Final = r"^[A-Z]{2}$"
SLUG: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
ORIGIN: Final = r"^https?://[a-z0-9.\[\]:_-]+$"
CONNECTION_SELECTOR: Final = r"^(stripe|mollie)(:(live|test))?$"
_SAFE: Final = SchemaKeywords({"pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"})
_EMAIL: Final = r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+$"
_URL: Final = r"^https?://[^\s/?#\x00-\x1f\x7f-\x9f]+(?:[/?#][^\s\x00-\x1f\x7f-\x9f]*)?$"
# What a pattern asks for, in words.
_PATTERN_MESSAGES: Final = {
    _EMAIL: "must be an e-mail address",
    _URL: "must be an http or https URL, without spaces",
    VISIBLE: "must be visible ASCII characters, without spaces",
    COUNTRY: "must be two capital letters, like NL",
    SLUG: "must be small letters and digits, with single hyphens between them",
    ORIGIN: "must be an origin in small letters, like https://shop.example.com, without a path",
    CONNECTION_SELECTOR: "must be stripe or mollie, or one with a mode, like stripe:live",
}

Text = Annotated[str, AfterValidator(_safe), _SAFE]
Name = Annotated[Text, StringConstraints(min_length=1, max_length=255)]
LongText = Annotated[Text, StringConstraints(max_length=1000)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=VISIBLE)]
Url = Annotated[
    Text, StringConstraints(max_length=2048, pattern=_URL), SchemaKeywords({"pattern": _URL})
]
Email = Annotated[Name, StringConstraints(pattern=_EMAIL), SchemaKeywords({"pattern": _EMAIL})]
Currency = Annotated[
    str,
    StringConstraints(min_length=3, max_length=3),
    AfterValidator(_currency),
    SchemaKeywords({"pattern": "^[A-Za-z]{3}$"}),
]
Uuid = Annotated[UUID, Strict(False)]

Model = TypeVar("Model", bound=BaseModel)


def validate(
    kind: type[Model], given: object, *, context: Mapping[str, object] | None = None
) -> Model:
    """Validate a document as `kind`. Raises BadRequest with all errors."""
    try:
        return kind.model_validate(given, context=dict(context or {}))
    except ValidationError as error:
        raise BadRequest(*_faults(error)) from None


def _faults(error: ValidationError) -> list[FieldError]:
    found = error.errors(include_url=False, include_input=False)
    faults = [_field_error(detail) for detail in found[:_MOST_FAULTS]]
    if len(found) > _MOST_FAULTS:
        faults.append(FieldError(message=f"and {len(found) - _MOST_FAULTS} more errors"))
    return faults


def _field_error(detail: ErrorDetails) -> FieldError:
    parts: tuple[Any, ...] = tuple(part for part in detail["loc"] if part != "[key]")
    path = field_path(parts)
    pattern = str(detail.get("ctx", {}).get("pattern"))
    plain = _PLAIN_MESSAGES.get(detail["type"]) or _PATTERN_MESSAGES.get(pattern)
    message = plain or _corrected(detail["msg"])
    if detail["type"] == "model_type" and not path:
        message = f"the body {message}"
    return FieldError(message=f"{path}: {message}" if path else message, path=path or None)


def _corrected(message: str) -> str:
    """Correct pydantic's length message: it treats a text with a custom validator as a list."""
    if not message.startswith("Value should have"):
        return message
    return re.sub(r"\bitem(s?) after validation", r"character\1", message)
