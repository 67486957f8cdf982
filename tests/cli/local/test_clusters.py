import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.local.clusters import (
    FOLDER,
    KeptCluster,
    cluster_size,
    instance_mark,
    kept_clusters,
    record_data_folder,
    remove_cluster,
)
from cli.local.postgres import EmbeddedPostgres
from cli.local.process import EmbeddedError
from cli.main import command_line
from tests.support.temporary_postgres import FAST_AND_LOSABLE


def kept(root_home: Path, data_folder: Path, *, key: str, mark: str) -> Path:
    """Create the files of a cluster and of its data folder."""
    home = root_home / FOLDER / key
    (home / "cluster").mkdir(parents=True)
    (home / "cluster" / "data").write_bytes(b"x" * 1000)
    record_data_folder(home, data_folder=data_folder, mark=mark)
    instance_mark(data_folder).parent.mkdir(parents=True)
    instance_mark(data_folder).write_text(mark)
    return home


def states(root_home: Path) -> dict[str, str]:
    return {one.key: one.state for one in kept_clusters(root_home)}


def test_a_cluster_is_orphaned_once_its_data_folder_is_gone_or_another(tmp_path: Path) -> None:
    for key in ("a", "b", "c"):
        kept(tmp_path, tmp_path / "data" / key, key=key, mark=f"mark-{key}")
    assert states(tmp_path) == {"a": "kept", "b": "kept", "c": "kept"}
    shutil.rmtree(tmp_path / "data" / "b")
    instance_mark(tmp_path / "data" / "c").write_text("another")
    assert states(tmp_path) == {"a": "kept", "b": "orphaned", "c": "orphaned"}
    (found, *_) = kept_clusters(tmp_path)
    assert found.data_folder == tmp_path / "data" / "a"
    assert cluster_size(found.key, root_home=tmp_path) >= 1000


def test_a_cluster_without_a_record_is_unknown(tmp_path: Path) -> None:
    (tmp_path / FOLDER / "old").mkdir(parents=True)
    assert kept_clusters(tmp_path) == [KeptCluster(key="old", data_folder=None, state="unknown")]


def test_a_machine_without_clusters_has_an_empty_list(tmp_path: Path) -> None:
    assert kept_clusters(tmp_path / "absent") == []


def billhook(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(command_line("clusters"), ["clusters", *arguments], input=answer)


@pytest.fixture
def two_of_three_orphaned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("cli.local.clusters.ROOT_HOME", tmp_path)
    for key in ("a", "b", "c"):
        kept(tmp_path, tmp_path / "data" / key, key=key, mark=f"mark-{key}")
    for key in ("b", "c"):
        shutil.rmtree(tmp_path / "data" / key)
    return tmp_path


@pytest.mark.usefixtures("two_of_three_orphaned")
def test_the_list_has_the_size_of_each_cluster() -> None:
    rows = json.loads(billhook("list", "--json").stdout)

    assert [(row["key"], row["state"]) for row in rows] == [
        ("a", "kept"),
        ("b", "orphaned"),
        ("c", "orphaned"),
    ]
    assert all(row["sizeBytes"] >= 1000 for row in rows)


def test_all_orphaned_clusters_are_removed_at_once(two_of_three_orphaned: Path) -> None:
    done = billhook("remove", "--orphaned", "--yes")

    assert (done.exit_code, done.stdout) == (0, "removed b\nremoved c\n")
    assert states(two_of_three_orphaned) == {"a": "kept"}


def test_a_cluster_stays_unless_its_removal_is_confirmed(two_of_three_orphaned: Path) -> None:
    assert billhook("remove", "--orphaned", answer="y\nn\n").exit_code == 1
    assert states(two_of_three_orphaned) == {"a": "kept", "c": "orphaned"}
    assert billhook("remove", "a", answer="n\n").exit_code == 1
    assert billhook("remove", "a", answer="y\n").exit_code == 0
    assert states(two_of_three_orphaned) == {"c": "orphaned"}


@pytest.mark.usefixtures("two_of_three_orphaned")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either the KEY of a cluster or --orphaned"),
        (["a", "--orphaned"], "either the KEY of a cluster or --orphaned"),
        (["z"], "there is no cluster z"),
        (["../a"], "there is no cluster ../a"),
    ],
)
def test_a_removal_names_what_it_removes(arguments: list[str], message: str) -> None:
    done = billhook("remove", *arguments, "--yes")

    assert done.exit_code != 0
    assert message in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("key", ["z", "", "..", "../elsewhere", "/"])
def test_only_a_listed_cluster_is_removed(tmp_path: Path, key: str) -> None:
    home = kept(tmp_path, tmp_path / "data", key="a", mark="m")
    with pytest.raises(EmbeddedError, match="there is no cluster"):
        remove_cluster(key, root_home=tmp_path)
    assert home.exists()
    assert remove_cluster("a", root_home=tmp_path).key == "a"
    assert not home.exists()


def test_a_removal_that_is_ended_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_folder = tmp_path / "data"
    home = kept(tmp_path, data_folder, key="a", mark="m")
    shutil.rmtree(data_folder)

    def ended(folder: Path) -> None:
        for file in folder.iterdir():
            file.unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("cli.local.clusters.shutil.rmtree", ended)
        with pytest.raises(KeyboardInterrupt):
            remove_cluster("a", root_home=tmp_path)
    assert states(tmp_path) == {"a": "orphaned"}
    remove_cluster("a", root_home=tmp_path)
    assert not home.exists()


def test_a_cluster_that_is_removed_meanwhile_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a", "b", "c"):
        kept(tmp_path, tmp_path / key, key=key, mark="m")

    def removed(cluster: Path) -> bool:
        if cluster.parent.name == "b":
            raise FileNotFoundError(cluster)
        return False

    monkeypatch.setattr("cli.local.clusters._runs", removed)
    assert [one.key for one in kept_clusters(tmp_path)] == ["a", "c"]


def test_the_cluster_of_a_running_server_is_not_removed(tmp_path: Path) -> None:
    """As root the cluster is in root's home; as another user in the data folder, and not listed."""
    data_folder = tmp_path / "data"
    server = EmbeddedPostgres(data_folder, options=FAST_AND_LOSABLE)

    def listed() -> list[KeptCluster]:
        return [one for one in kept_clusters() if one.data_folder == data_folder]

    try:
        server.start()
        for one in listed():
            with pytest.raises(EmbeddedError, match="is running"):
                remove_cluster(one.key)
        assert [one.state for one in listed()] == (["running"] if os.geteuid() == 0 else [])
        server.stop()
        shutil.rmtree(data_folder)
        for one in listed():
            assert remove_cluster(one.key).state == "orphaned"
        assert listed() == []
    finally:
        server.remove()
