"""What answers look like. They are rendered by hand; the contract tests hold them to this."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from domain.invoices import status
from service.http.validation import SchemaKeywords


class ResponseModel(BaseModel):
    """A document or a part of one: camelCase, every field there unless it says otherwise."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, use_attribute_docstrings=True
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
Moment = AwareDatetime
Minor = Annotated[
    int, SchemaKeywords({"description": "In the currency's minor unit: 1999 is 19.99 EUR."})
]
Position = Annotated[int, Field(ge=0)]
JsonObject = dict[str, Any]


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
