import pytest
from pydantic import ValidationError

from eventlog.security.master_keys import split_keys
from eventlog.security.vault import Vault
from service.settings import Settings as ServiceSettings
from workers.settings import Settings as WorkerSettings

REQUIRED = {"database_url": "postgresql://127.0.0.1/none", "public_url": "http://127.0.0.1:8080"}


@pytest.mark.parametrize("kind", [ServiceSettings, WorkerSettings])
def test_settings_with_an_unusable_master_key_name_it_and_show_none(
    kind: type[ServiceSettings] | type[WorkerSettings],
) -> None:
    good = Vault.new_key()
    for keys in ("rubbish-that-is-secret", f"{good},{good[:20]}", " , "):
        with pytest.raises(ValidationError, match="master_keys") as found:
            kind.model_validate({**REQUIRED, "master_keys": keys})
        shown = str(found.value)
        assert "secret" not in shown
        assert good[:20] not in shown
    assert kind.model_validate({**REQUIRED, "master_keys": f"{good}, {Vault.new_key()},"})


def test_master_keys_stand_between_commas() -> None:
    assert split_keys(" a, b,,c ,") == ["a", "b", "c"]
