import importlib.util
import re
from pathlib import Path

import yaml

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


def test_secrets_are_demanded_not_defaulted() -> None:
    for name in OURS:
        environment = COMPOSE["services"][name]["environment"]
        assert environment["BILLHOOK_MASTER_KEYS"].startswith("${BILLHOOK_MASTER_KEYS:?")
    assert re.findall(r"\$\{POSTGRES_PASSWORD(..)", TEXT) == [":?", ":?"]


def test_processes_wait_for_the_migration_and_it_for_the_database() -> None:
    after = COMPOSE["services"]["migrate"]["depends_on"]
    assert after == {"postgres": {"condition": "service_healthy"}}
    for name in OURS - {"migrate"}:
        after = COMPOSE["services"][name]["depends_on"]
        assert after["migrate"] == {"condition": "service_completed_successfully"}, name


def test_all_that_keeps_running_says_whether_it_is_well() -> None:
    for name in COMPOSE["services"].keys() - {"migrate"}:
        assert COMPOSE["services"][name]["healthcheck"]["test"][0] == "CMD"


def test_what_has_no_port_touches_the_file_that_its_check_looks_at() -> None:
    for name in OURS - {"migrate", "api"}:
        service = COMPOSE["services"][name]
        *command, file = service["healthcheck"]["test"][1:]
        assert command == ["python", "-m", "eventlog.process.heartbeat"]
        assert service["environment"]["BILLHOOK_HEARTBEAT_FILE"] == file


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
