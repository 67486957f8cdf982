"""Fetch the third-party files of the dashboard: `make assets`.

Each entry of vendored.json names a package, a version and a file in it. A file whose SHA-256 is
not the recorded one is refused; for a new version, empty `sha256` first, and the new one is
recorded.
"""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from service.dashboard.assets import FOLDER, MANIFEST


def main() -> None:
    """Fetch every file, check it, and write it beside the manifest."""
    entries: list[dict[str, Any]] = json.loads(MANIFEST.read_text())
    for entry in entries:
        content = _fetched(entry)
        found = hashlib.sha256(content).hexdigest()
        if entry["sha256"] not in ("", found):
            sys.exit(f"{entry['file']}: its SHA-256 is {found}, not {entry['sha256']}")
        entry["sha256"] = found
        (FOLDER / entry["file"]).write_bytes(content)
    MANIFEST.write_text(json.dumps(entries, indent=2) + "\n")


def _fetched(entry: dict[str, Any]) -> bytes:
    """Return a file of a package's archive, which npm downloads and checks."""
    with tempfile.TemporaryDirectory() as folder:
        named = f"{entry['package']}@{entry['version']}"
        subprocess.run(["npm", "pack", "--silent", named], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        packed = io.BytesIO(archive.read_bytes())
    with tarfile.open(fileobj=packed) as files:
        found = files.extractfile(f"package/{entry['package_path']}")
        if found is None:
            sys.exit(f"{named} has no {entry['package_path']}")
        return found.read()


if __name__ == "__main__":
    main()
