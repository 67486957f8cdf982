"""From models to the schemas of a document."""

from collections.abc import Iterable
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from service.openapi.declaring import Json

_REF: Final = "#/components/schemas/{model}"


class _Plain(GenerateJsonSchema):
    """Says what is so, and nothing twice."""

    def dict_schema(self, schema: Any) -> Json:  # noqa: ANN401 - pydantic's signature
        """Refuse, as the model does, keys that are not as they must be."""
        made = super().dict_schema(schema)
        if "patternProperties" in made:
            made["additionalProperties"] = False
        return made

    def default_schema(self, schema: Any) -> Json:  # noqa: ANN401 - pydantic's signature
        """Leave out that what is not given is not given."""
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - pydantic's signature
        return False

    def generate_inner(self, schema: Any) -> Json:  # noqa: ANN401 - pydantic's signature
        made = super().generate_inner(schema)
        made.pop("title", None)
        return made


class Schemas:
    """The schemas of all models of a document, each by its name."""

    def __init__(self, models: Iterable[type[BaseModel]]) -> None:
        asked: list[tuple[type[BaseModel], JsonSchemaMode]] = [
            (model, "validation") for model in dict.fromkeys(models)
        ]
        refs, made = models_json_schema(asked, ref_template=_REF, schema_generator=_Plain)
        self._refs = {model: ref for (model, _), ref in refs.items()}
        self.all: Json = made.get("$defs", {})

    def ref(self, model: type[BaseModel]) -> Json:
        """Refer to a model's schema."""
        return dict(self._refs[model])

    def take(self, model: type[BaseModel]) -> Json:
        """Take a model's schema out: a query is written as parameters, not as a schema."""
        return cast("Json", self.all.pop(self._refs[model]["$ref"].rpartition("/")[2]))
