"""Read fields and parameters from the installed Stripe SDK's types."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from inspect import get_annotations
from operator import attrgetter
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import stripe
from stripe import ListObject, StripeObject
from typing_extensions import is_typeddict

# Longer lists of words, like error codes, grow all the time and are not ours to map.
_MOST_LITERALS = 12


class UnknownField(AssertionError):
    """The SDK knows no such field or parameter."""


def type_of_field(path: str) -> str:
    """Return the type of `Class.field.field`, through lists. Raises UnknownField."""
    name, *fields = path.split(".")
    known: Any = getattr(stripe, name, None)
    while isinstance(known, types.ModuleType) and fields:
        known = getattr(known, fields.pop(0), None)
    if known is None:
        raise UnknownField(f"{name} is no object of the SDK")
    for number, field in enumerate(fields):
        found = [
            annotation
            for owner in _classes(known)
            if (annotation := _annotation(owner, field)) is not None
        ]
        if not found:
            raise UnknownField(f"{'.'.join([name, *fields[:number]])} has no field {field!r}")
        known = Union[tuple(found)]  # noqa: UP007 - of as many as there are
    return _render(known)


def _annotation(owner: Any, field: str) -> Any:
    if get_origin(owner) is ListObject and field == "data":
        return list[get_args(owner)[0]]  # type: ignore[misc]  # a type that is only known now
    cls = get_origin(owner) or owner
    for base in cls.__mro__:
        annotations = get_annotations(base)
        if field in annotations:
            return annotations[field]
    return None


def _classes(known: Any) -> Iterator[Any]:
    """Yield the SDK's classes that a type holds, through unions, lists and names."""
    if isinstance(known, ForwardRef):
        # The SDK's own modules import `Refund as RefundResource` where the name is taken.
        yield from _classes(getattr(stripe, known.__forward_arg__.removesuffix("Resource")))
    elif get_origin(known) is ListObject:
        yield known
    elif get_args(known) and get_origin(known) is not Literal:
        for part in get_args(known):
            yield from _classes(part)
    elif isinstance(known, type) and issubclass(known, StripeObject):
        yield known


def _render(known: Any) -> str:
    origin, arguments = get_origin(known), get_args(known)
    if known is type(None):
        return "None"
    if isinstance(known, ForwardRef):
        return known.__forward_arg__
    if origin in (Union, types.UnionType):
        return " | ".join(sorted({_render(part) for part in arguments}))
    if origin is Literal:
        literals = sorted(str(literal) for literal in arguments)
        return f"Literal[{', '.join(literals)}]" if len(literals) <= _MOST_LITERALS else "Literal"
    if origin is not None:
        return f"{origin.__name__}[{', '.join(_render(part) for part in arguments)}]"
    return str(known.__name__)


def require_param(params: str, path: str) -> None:
    """Check `a.b.c` against a class of `stripe.params`. Raises UnknownField."""
    level: list[Any] = [attrgetter(params)(stripe.params)]
    for name in path.split("."):
        texts = [
            (_text(owner.__annotations__[name]), sys.modules[owner.__module__])
            for owner in level
            if name in owner.__annotations__
        ]
        if not texts:
            raise UnknownField(f"{params} has no {name!r} ({path})")
        if any("Dict[" in text or "UntypedStripeObject" in text for text, _ in texts):
            return
        level = [
            found
            for text, module in texts
            for literal in re.findall(r"\w+", text)
            if is_typeddict(found := getattr(module, literal, None))
        ]


def _text(hint: Any) -> str:
    return hint.__forward_arg__ if isinstance(hint, ForwardRef) else str(hint)


def event_types() -> frozenset[str]:
    """Return the event types that an endpoint can be registered for."""
    hint = stripe.params.WebhookEndpointCreateParams.__annotations__["enabled_events"]
    (literals,) = get_args(hint)
    parts = [literals] if get_origin(literals) is Literal else get_args(literals)
    return frozenset(
        literal for part in parts if get_origin(part) is Literal for literal in get_args(part)
    )
