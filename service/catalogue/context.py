from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from service.catalogue.catalogue import Catalogue
from service.recording.context import RecordingContext
from service.settings import Settings


@dataclass(frozen=True, kw_only=True)
class CatalogueContext:
    """Dependencies of the catalogue endpoints."""

    settings: Settings
    recording: RecordingContext
    catalogue: Catalogue
    now: Callable[[], datetime]


def context_of(request: Request) -> CatalogueContext:
    """Return the catalogue context of the application that serves the request."""
    return cast("CatalogueContext", request.app.state.context.catalogue)
