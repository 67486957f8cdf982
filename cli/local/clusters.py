"""The database clusters that root keeps outside its data folders."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Final, Literal

import psutil

from cli.local.process import EmbeddedError, find_process

ROOT_HOME: Final = Path("/var/lib/billhook")
FOLDER: Final = "clusters"
_RECORD: Final = "data_folder.json"

State = Literal["running", "kept", "orphaned", "unknown"]


@dataclass(frozen=True)
class KeptCluster:
    """A cluster. `data_folder` is None for one that an older version created.

    State: `running`, its server runs; `kept`, its data folder exists; `orphaned`, the data folder
    is gone or was created anew; `unknown`, its data folder is not recorded.
    """

    key: str
    data_folder: Path | None
    state: State


def record_data_folder(home: Path, *, data_folder: Path, mark: str) -> None:
    """Record whose cluster is in `home`: the data folder and the random mark in it."""
    record = home / _RECORD
    if not record.exists():
        partial = record.with_suffix(".partial")
        partial.write_text(json.dumps({"data_folder": str(data_folder), "mark": mark}))
        partial.replace(record)


def instance_mark(data_folder: Path) -> Path:
    """Return the file of a data folder that has its random mark."""
    return data_folder / "postgres" / "instance"


def kept_clusters(root_home: Path = ROOT_HOME) -> list[KeptCluster]:
    """List the clusters below `root_home` by their keys; raises EmbeddedError if not readable."""
    folder = root_home / FOLDER
    try:
        homes = sorted(home for home in folder.iterdir() if home.is_dir())
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise EmbeddedError(f"{folder} can be read by root alone") from error
    found = []
    for home in homes:
        with suppress(FileNotFoundError):  # removed meanwhile
            found.append(_read(home))
    return found


def cluster_size(key: str, *, root_home: Path = ROOT_HOME) -> int:
    """Return the bytes of a cluster's files; it reads thousands of them. 0 if there is none."""
    total = 0
    for file in (root_home / FOLDER / key).rglob("*"):
        with suppress(FileNotFoundError):  # a running server deletes files
            found = file.lstat()
            total += found.st_size if S_ISREG(found.st_mode) else 0
    return total


def remove_cluster(key: str, *, root_home: Path = ROOT_HOME) -> KeptCluster:
    """Delete a cluster for good; raises EmbeddedError if there is none or its server runs."""
    found = next((one for one in kept_clusters(root_home) if one.key == key), None)
    if found is None:
        raise EmbeddedError(f"there is no cluster {key}")
    if found.state == "running":
        raise EmbeddedError(f"the server of cluster {key} is running; stop it first")
    delete_cluster(root_home / FOLDER / key)
    return found


def delete_cluster(home: Path) -> None:
    """Delete a cluster's files. Its record goes last: a deletion that is ended is found again."""
    for file in home.iterdir():
        if file.is_dir():
            shutil.rmtree(file)
    shutil.rmtree(home)


def _read(home: Path) -> KeptCluster:
    data_folder, state = _owner(home)
    return KeptCluster(
        key=home.name,
        data_folder=data_folder,
        state="running" if _runs(home / "cluster") else state,
    )


def _owner(home: Path) -> tuple[Path | None, State]:
    try:
        record = json.loads((home / _RECORD).read_text())
    except FileNotFoundError:
        return None, "unknown"
    data_folder = Path(record["data_folder"])
    try:
        kept = instance_mark(data_folder).read_text() == record["mark"]
    except (FileNotFoundError, NotADirectoryError):
        kept = False
    return data_folder, "kept" if kept else "orphaned"


def _runs(cluster: Path) -> bool:
    try:
        pid = (cluster / "postmaster.pid").read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return False
    return (
        pid.isdigit()
        and psutil.pid_exists(int(pid))
        and find_process(int(pid), name="postgres", argument=str(cluster)) is not None
    )
