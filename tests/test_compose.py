import importlib.util
import os
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
OURS = {"migrate", "api", "relay", "apply", "projections", "worker", "scheduler"}


def test_every_process_is_a_service_of_its_own() -> None:
    assert set(COMPOSE["services"]) == OURS | {"postgres", "redis"}


def test_every_command_is_a_module_that_exists() -> None:
    for name in OURS:
        command = COMPOSE["services"][name]["command"]
        assert command[:2] == ["python", "-m"], name
        module = command[2] if "." in command[2] else f"{command[2]}.__main__"
        assert importlib.util.find_spec(module) is not None, module


def test_the_memory_of_the_database_can_be_set() -> None:
    *command, setting = COMPOSE["services"]["postgres"]["command"]
    assert command == ["postgres", "-c"]
    assert re.fullmatch(r"shared_buffers=\$\{POSTGRES_SHARED_BUFFERS:-\d+MB\}", setting)


def test_secrets_are_demanded_not_defaulted() -> None:
    assert re.findall(r"\$\{POSTGRES_PASSWORD(..)", TEXT) == [":?"] * 2
    assert re.findall(r"\$\{BILLHOOK_RUNTIME_PASSWORD(..)", TEXT) == [":?"] * 2
    assert re.findall(r"\$\{BILLHOOK_MASTER_KEYS(..)", TEXT) == [":?"]


def test_only_processes_that_open_secrets_have_the_master_keys() -> None:
    services = COMPOSE["services"]
    have = {
        name for name in services if "BILLHOOK_MASTER_KEYS" in services[name].get("environment", {})
    }
    assert have == {"api", "worker", "scheduler"}


def test_only_the_migration_connects_as_the_owner_of_the_tables() -> None:
    for name in OURS:
        service = COMPOSE["services"][name]
        user = urlsplit(service["environment"]["BILLHOOK_DATABASE_URL"].partition("$")[0]).netloc
        assert user == ("billhook:" if name == "migrate" else "billhook_runtime:")
    migrate = COMPOSE["services"]["migrate"]["command"]
    assert migrate[-2:] == ["--runtime-role", "billhook_runtime"]
    (script,) = [
        volume.partition(":")[0]
        for volume in COMPOSE["services"]["postgres"]["volumes"]
        if "initdb.d" in volume
    ]
    text = (ROOT / script).read_text()
    assert "CREATE ROLE billhook_runtime LOGIN" in text
    assert os.access(ROOT / script, os.X_OK)


def test_processes_wait_for_the_migration_and_it_for_the_database() -> None:
    after = COMPOSE["services"]["migrate"]["depends_on"]
    assert after == {"postgres": {"condition": "service_healthy"}}
    for name in OURS - {"migrate"}:
        after = COMPOSE["services"][name]["depends_on"]
        assert after["migrate"] == {"condition": "service_completed_successfully"}, name


def test_every_long_running_service_has_a_health_check() -> None:
    for name in COMPOSE["services"].keys() - {"migrate"}:
        assert COMPOSE["services"][name]["healthcheck"]["test"][0] == "CMD"


def test_a_service_without_a_port_touches_the_file_of_its_health_check() -> None:
    for name in OURS - {"migrate", "api"}:
        service = COMPOSE["services"][name]
        *command, file = service["healthcheck"]["test"][1:]
        assert command == ["python", "-m", "eventlog.process.heartbeat"]
        assert service["environment"]["BILLHOOK_HEARTBEAT_FILE"] == file


def locked() -> list[Requirement]:
    """Read the lock file; each requirement must have hashes."""
    text = (ROOT / "deploy" / "requirements.lock").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = []
    for entry in re.split(r"\n(?=\S)", "\n".join(lines)):
        requirement, *hashes = [part.strip() for part in entry.split("\\\n")]
        assert hashes, requirement
        assert [one for one in hashes if not re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one)] == []
        found.append(Requirement(requirement))
    return found


def test_the_image_installs_locked_files_alone() -> None:
    installs = re.findall(r"pip install (.*)", (ROOT / "Dockerfile").read_text())
    assert len(installs) == 2
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert "--no-deps --no-build-isolation" in installs[1]


def test_the_lock_file_has_the_tested_version_of_each_dependency() -> None:
    lock = {(canonicalize_name(one.name), str(one.specifier)) for one in locked()}
    names = {name for name, _ in lock}
    tested = set()
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            tested.add(
                (canonicalize_name(Requirement(line).name), str(Requirement(line).specifier))
            )
    untested = {name for name, _ in lock - tested}
    assert untested <= {"setuptools", "colorama"}  # to build our package; on Windows alone
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {canonicalize_name(Requirement(one).name) for one in project["dependencies"]}
    assert needed - names == set()


def test_the_image_has_every_package_but_the_sandbox() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {name.rstrip("*") for name in config["packages"]["find"]["include"]}
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert allowed[0] == "*"
    assert {name for name in packages if f"!{name}" not in allowed} == {"sandbox"}
    assert "!deploy/requirements.lock" in allowed


def test_base_images_are_named_by_a_minor_version() -> None:
    images = [COMPOSE["services"][name]["image"] for name in ("postgres", "redis")]
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert [image for image in images + bases if not re.match(r"\w+:\d+\.\d+", image)] == []


def test_the_image_does_not_run_as_root() -> None:
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert "\nUSER billhook\n" in last_stage


def test_a_process_can_write_nothing_and_gain_no_privilege() -> None:
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
        assert service["pids_limit"]
