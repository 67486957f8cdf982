import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.local.postgres import EmbeddedPostgres

FAST_AND_LOSABLE = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
}


@contextmanager
def temporary_postgres(**settings: str) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL with server settings, gone with all its data at the end."""
    with tempfile.TemporaryDirectory(prefix="billhook-test-") as folder:
        server = EmbeddedPostgres(Path(folder), options=FAST_AND_LOSABLE | settings)
        try:
            server.start()
            yield server
        finally:
            server.remove()
