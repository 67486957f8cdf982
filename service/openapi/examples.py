"""Ids and envelopes that the examples of several capabilities share."""

from typing import Final

from service.http.response_model import ResponseModel
from service.openapi.declare import Json

APP: Final = "0c6a8f0e-7d0b-4e7a-9d5c-1f2b3a4c5d6e"
TENANT: Final = "11111111-1111-1111-1111-111111111111"
INVOICE: Final = "5b0f3c1e-2a4d-5e6f-8a9b-0c1d2e3f4a5b"


def one(kind: str, item: Json) -> Json:
    """Return the envelope of a single item."""
    return {"kind": kind, "totalItems": 1, "itemsLength": 1, "items": [item]}


def example(model: type[ResponseModel], **values: object) -> Json:
    """Return an example of a model, by the document's names; fields that are not given are null."""
    names = [known.alias or name for name, known in model.model_fields.items()]
    if unknown := set(values) - set(names):
        raise ValueError(f"{model.__name__} has no {sorted(unknown)}")
    return {name: values.get(name) for name in names}
