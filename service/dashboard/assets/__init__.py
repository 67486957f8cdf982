"""Styles and scripts of the dashboard, each served under a path that names its content."""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from service.http.errors import NotFound

FOLDER: Final = Path(__file__).parent
MANIFEST: Final = FOLDER / "vendored.json"
PATH: Final = "/dashboard/assets/{digest}/{name}"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS: Final = {
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    "vary": "accept-encoding",
}


class Asset(NamedTuple):
    """A file's content, plain and compressed."""

    plain: bytes
    compressed: bytes
    digest: str
    media_type: str


async def serve_asset(request: Request) -> Response:
    """Return a file; its path changes with its content, so that it is cached for ever."""
    found = _assets().get(request.path_params["name"])
    if found is None or found.digest != request.path_params["digest"]:
        return Response("Not Found", status_code=404, media_type="text/plain")
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers = {**_HEADERS, "content-encoding": "gzip"}
        return Response(found.compressed, headers=headers, media_type=found.media_type)
    return Response(found.plain, headers=_HEADERS, media_type=found.media_type)


def asset_url(name: str) -> str:
    """Return the path of a file. Raises NotFound for a file that the package does not have."""
    found = _assets().get(name)
    if found is None:
        raise NotFound
    return PATH.format(digest=found.digest, name=name)


@cache
def _assets() -> dict[str, Asset]:
    """Read and compress all files once per process."""
    return {
        path.name: _asset(path.read_bytes(), suffix=path.suffix)
        for path in FOLDER.iterdir()
        if path.suffix in _TYPES
    }


def _asset(plain: bytes, *, suffix: str) -> Asset:
    return Asset(
        plain=plain,
        compressed=gzip.compress(plain, compresslevel=9, mtime=0),
        digest=hashlib.sha256(plain).hexdigest()[:16],
        media_type=_TYPES[suffix],
    )
