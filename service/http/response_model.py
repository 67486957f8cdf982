"""Base class and field types of response models: they render responses and document them."""

from datetime import datetime
from typing import Annotated, Any, Final, Generic, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from domain.invoices import status
from service.http.envelope import Json, moment
from service.http.validation import SchemaKeywords


class ResponseModel(BaseModel):
    """A JSON document of a response, or a part of one, in camelCase.

    The constructor takes Python names and validates nothing: an unexpected value from a provider
    must not turn a response into an error, and validation would double the time of a list.
    A field without a value is left out of the JSON.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - subclasses have typed fields
        object.__setattr__(self, "__dict__", values)
        object.__setattr__(self, "__pydantic_fields_set__", set(values))
        object.__setattr__(self, "__pydantic_extra__", None)
        object.__setattr__(self, "__pydantic_private__", None)

    @classmethod
    def from_json(cls, document: Json) -> Self:
        """Build from a stored JSON document, without validation."""
        names = {known.alias or name: name for name, known in cls.model_fields.items()}
        return cls(**{names.get(alias, alias): value for alias, value in document.items()})

    def to_json(self) -> Json:
        """Return the JSON document, with times and ids as strings."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)


def optional_field() -> Any:  # noqa: ANN401 - pydantic's Field is any type's default
    """Declare a field that may be left out, but is never null."""
    return Field(default_factory=lambda: None)


def _write_moment(value: datetime | str) -> str | None:
    """Format a time; a stored JSON document has it as text already."""
    return value if isinstance(value, str) else moment(value)


Status = Annotated[str, SchemaKeywords({"enum": list(status.ALL)})]
Provider = Literal["stripe", "mollie"]
Mode = Literal["live", "test"]
Moment = Annotated[AwareDatetime, PlainSerializer(_write_moment, return_type=str, when_used="json")]
Minor = Annotated[
    int, SchemaKeywords({"description": "In minor units of the currency: 1999 is 19.99 EUR."})
]
Position = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
One = Literal[1]
JsonObject = dict[str, Any]


Item = TypeVar("Item", bound=ResponseModel)


# Pydantic looks for the docstrings of a generic model's fields in every frame of the stack, for
# each type that it holds, and finds none: a third of the start of a service.
_GENERIC: Final = ConfigDict(use_attribute_docstrings=False)


class ListPage(ResponseModel, Generic[Item]):
    """A page of a list."""

    model_config = _GENERIC

    total_items: Count
    total_items_is_exact: Annotated[bool, Field(description="Totals are exact up to 10,000.")]
    items_length: Annotated[int, Field(ge=0, le=100)]
    items: Annotated[list[Item], Field(max_length=100)]
    next_cursor: Annotated[
        str | None, Field(description="Cursor of the next page; null on the last page.")
    ]


class SingleItem(ResponseModel, Generic[Item]):
    """A list of one item."""

    model_config = _GENERIC

    total_items: One
    items_length: One
    items: Annotated[list[Item], Field(min_length=1, max_length=1)]


Single = TypeVar("Single", bound=SingleItem[Any])


def one_item(model: type[Single], *, kind: str, item: ResponseModel) -> Single:
    """Build the envelope of a single item."""
    return model(kind=kind, total_items=1, items_length=1, items=[item])
