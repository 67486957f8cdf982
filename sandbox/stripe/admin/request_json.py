"""Validation of the admin API's JSON bodies."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sandbox.common.store import Json
from sandbox.common.validation_errors import text_of
from sandbox.stripe.core.errors import BadParameters

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], given: Json) -> M:
    """Validates a JSON body against a model. Raises BadParameters."""
    try:
        return model.model_validate(given)
    except ValidationError as fault:
        raise BadParameters(text_of(fault)) from fault
