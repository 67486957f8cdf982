"""Text of what a model does not accept."""

from __future__ import annotations

from pydantic import ValidationError


def text_of(fault: ValidationError) -> str:
    """Names each field with what is wrong about it, as ``since: Input should be …``."""
    found = fault.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        ": ".join([".".join(str(part) for part in one["loc"]), one["msg"]]).removeprefix(": ")
        for one in found
    )
