"""Read settings from the environment, or end the process with the names of the wrong ones."""

import sys
from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def read_settings(settings: Callable[[], SettingsT]) -> SettingsT:
    """Call `settings`; ends the process with code 1 and a line for each wrong setting."""
    try:
        return settings()
    except ValidationError as error:
        sys.exit("\n".join(wrong_settings(error)))


def wrong_settings(error: ValidationError) -> list[str]:
    """Return a line for each wrong setting: its variable and what is wrong, not its value."""
    return [
        f"BILLHOOK_{str(found['loc'][0]).upper()}: {found['msg'].removeprefix('Value error, ')}"
        for found in error.errors(include_input=False, include_context=False, include_url=False)
    ]
