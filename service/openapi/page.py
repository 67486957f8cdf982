"""The document as a page to read: plain HTML that loads nothing."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from service.openapi.declare import Json

_MOST_DEPTH: Final = 6
_NAME: Final = re.compile("`([^`]+)`")
_BOUNDS: Final = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "from {:,}",
    "maximum": "to {:,}",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "maxProperties": "at most {}",
    "pattern": "as {}",
}
# What most of these patterns say, in words.
_PLAIN: Final = {
    ("minLength", 1): "not empty",
    ("minItems", 1): "not empty",
    ("pattern", r"^[^\u0000-\u001f\u007f-\u009f]*$"): "no control characters",
    ("pattern", r"^[\x21-\x7e]+$"): "visible ASCII characters",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A field of a document, as a line of a table."""

    path: str
    type: str
    required: bool
    description: str


@cache
def _page() -> Environment:
    made = Environment(
        loader=PackageLoader("service.openapi", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["prose"] = _prose
    return made


def render(document: Json) -> str:
    """Write the page."""
    reader = _Reader(document)
    template = _page().get_template("page.html")
    by_tag = {tag["name"]: list(reader.operations(tag["name"])) for tag in document["tags"]}
    return template.render(
        document=document,
        by_tag=by_tag,
        contents=reader.contents,
        resolved=reader.resolved,
        pretty=_pretty,
        type_of=reader.type_of,
        bounds=lambda schema: ", ".join(_bounds(schema)),
    )


def _prose(text: str) -> Markup:
    """Write `names` as what they are."""
    return Markup(_NAME.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


class _Reader:
    """Finds what the template shows."""

    def __init__(self, document: Json) -> None:
        self._document = document

    def operations(self, tag: str) -> Iterator[Json]:
        """Give a tag's operations with their method and path."""
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if tag in operation["tags"]:
                    refused = {
                        status: known["$ref"].rpartition("/")[2]
                        for status, known in operation["responses"].items()
                        if "$ref" in known
                    }
                    more = {"path": path, "method": method.upper(), "refused": refused}
                    yield operation | more

    def resolved(self, known: Json) -> Json:
        """Follow a reference into the document."""
        while "$ref" in known:
            found: Any = self._document
            for part in known["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            known = found
        return known

    def contents(self, known: Json) -> list[tuple[str, list[Row], dict[str, Any]]]:
        """Give each media type with its fields and its examples."""
        return [
            (
                media_type,
                list(self._rows(content["schema"], above="", depth=0)),
                {each["summary"]: each["value"] for each in content.get("examples", {}).values()},
            )
            for media_type, content in known.get("content", {}).items()
        ]

    def type_of(self, schema: Json) -> str:
        """Name a schema's type in a few words."""
        schema = self.resolved(schema)
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return " | ".join(map(str, schema["enum"]))
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return " or ".join(dict.fromkeys(map(self.type_of, schema[word])))
        if schema.get("type") == "array":
            return f"list of {self.type_of(schema.get('items', {}))}"
        return str(schema.get("format", schema.get("type", "anything")))

    def _rows(self, schema: Json, *, above: str, depth: int) -> Iterator[Row]:
        schema = self._object_in(schema)
        required: Sequence[str] = schema.get("required", ())
        for name, known in schema.get("properties", {}).items():
            path = f"{above}{name}"
            found = self.resolved(known)
            said = (known.get("description") or found.get("description") or "").split("\n")[0]
            yield Row(
                path=path,
                type=self.type_of(known),
                required=name in required,
                description="; ".join(filter(None, (said, *_bounds(found)))),
            )
            if depth < _MOST_DEPTH:
                inner, step = self._inside(known)
                yield from self._rows(inner, above=f"{path}{step}", depth=depth + 1)

    def _inside(self, schema: Json) -> tuple[Json, str]:
        """Give what a field contains, and how a path goes on into it."""
        schema = self._object_in(schema)
        if schema.get("type") == "array":
            return schema.get("items", {}), "[]."
        return schema, "."

    def _object_in(self, schema: Json) -> Json:
        """Choose, of what it may be, what has fields."""
        schema = self.resolved(schema)
        for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            found = self.resolved(choice)
            if found.get("type") in {"object", "array"}:
                return found
        return schema


def _bounds(schema: Json) -> Iterator[str]:
    for choice in (schema, *schema.get("anyOf", ())):
        for word, text in _BOUNDS.items():
            if word in choice:
                yield _PLAIN.get((word, choice[word])) or text.format(choice[word])
    if schema.get("default") not in (None, [], {}):
        yield f"default {schema['default']}"
