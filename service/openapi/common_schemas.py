"""Base class and field types of response models: rendered as answers and documented as schemas."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, SkipValidation
from pydantic.alias_generators import to_camel

from domain.invoices import status
from service.http.envelope import moment
from service.http.validation import SchemaKeywords


class ResponseModel(BaseModel):
    """A document or a part of one: camelCase, every field present unless it is an optional one.

    Built with Python names; a field that the constructor was not given is left out of the JSON.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_by_name=True,
        hide_input_in_errors=True,
    )


Model = TypeVar("Model", bound=ResponseModel)


def one_item(model: type[Model], *, kind: str, item: ResponseModel) -> Model:
    """Build the envelope of a single item."""
    return model.model_validate(
        {"kind": kind, "total_items": 1, "items_length": 1, "items": [item]}
    )


def optional_field() -> Any:  # noqa: ANN401 - pydantic's Field is any type's default
    """Declare a field that may be left out, but is never null."""
    return Field(default_factory=lambda: None)


def example(model: type[ResponseModel], **values: object) -> dict[str, Any]:
    """Give an example of a shape in which what isn't named is null. Names are the document's."""
    names = [known.alias or name for name, known in model.model_fields.items()]
    if unknown := set(values) - set(names):
        raise ValueError(f"{model.__name__} has no {sorted(unknown)}")
    return {name: values.get(name) for name in names}


Status = Annotated[str, SchemaKeywords({"enum": list(status.ALL)})]
Provider = Literal["stripe", "mollie"]
Mode = Literal["live", "test"]
Moment = Annotated[AwareDatetime, PlainSerializer(moment, return_type=str, when_used="json")]
Minor = Annotated[
    int, SchemaKeywords({"description": "In the currency's minor unit: 1999 is 19.99 EUR."})
]
Position = Annotated[int, Field(ge=0)]
# Not validated: an unexpected field of a provider's document must not fail the answer.
JsonObject = Annotated[dict[str, Any], SkipValidation]


class ProviderModel(ResponseModel):
    """A document of a provider: what is not named here is as the provider sends it."""

    model_config = ConfigDict(alias_generator=None, extra="allow")


class ErrorEntry(ResponseModel):
    """One thing that is wrong."""

    validation: Literal["error"]
    code: Annotated[str, Field(pattern=r"^\[E[0-9]{4}\]$")]
    message: str
    path: str = optional_field()
    """The field, as in `lineItems.0.price`."""
    provider_code: str = optional_field()
    decline_code: str = optional_field()


class Errors(ResponseModel):
    """Everything that is wrong, at once."""

    errors: Annotated[list[ErrorEntry], Field(min_length=1)]


class SuccessError(ResponseModel):
    """What is wrong, as seeds 000 and 001 say it."""

    success: Literal[False]
    error: str
    """The code in brackets, and what is wrong."""
    message: None
    data: None


class PlainErrorDetails(ResponseModel):
    """What is wrong, and the request's name in our logs."""

    code: Annotated[str, Field(pattern=r"^\[E[0-9]{4}\]$")]
    message: str
    request_id: str


class PlainError(ResponseModel):
    """What is wrong, as seeds 003 and 004 are answered."""

    error: PlainErrorDetails


class Received(ResponseModel):
    """The delivery is stored."""

    received: Literal[True]


class Health(ResponseModel):
    """The process lives."""

    status: Literal["ok"]


class Readiness(ResponseModel):
    """Whether requests would be answered; a check that is not `ok` says what is wrong."""

    ready: bool
    checks: dict[str, str]
