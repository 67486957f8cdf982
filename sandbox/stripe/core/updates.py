"""Changes of an update request, with Stripe's rules for unsetting fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sandbox.common.store import Json
from sandbox.stripe.core.params import Params


def given_fields(
    params: Params, current: Json, *, clear: Collection[str] = (), omit: Collection[str] = ()
) -> Json:
    """Returns the given fields. An empty string unsets those in ``clear``; metadata is merged."""
    given = params.model_dump(exclude_unset=True, exclude={"expand", *omit})
    for name in clear:
        if given.get(name) == "":
            given[name] = None
    if "metadata" in given:
        given["metadata"] = merged_metadata(current.get("metadata"), given["metadata"])
    return given


def merged_metadata(
    current: Mapping[str, str] | None, given: Mapping[str, str] | None
) -> dict[str, str]:
    """Merges metadata by Stripe's rules: an empty value removes a key, ``""`` removes all."""
    if given is None:
        return dict(current or {})
    if "" in given:
        return {}
    both = {**(current or {}), **given}
    return {key: value for key, value in both.items() if value != ""}
