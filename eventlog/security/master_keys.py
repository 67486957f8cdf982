"""The setting with the master keys of the vault, checked where settings are read."""

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from eventlog.errors import VaultError
from eventlog.security.vault import Vault


def split_keys(setting: str) -> list[str]:
    """Return the master keys of a setting in order; they stand between commas."""
    return [key.strip() for key in setting.split(",") if key.strip()]


def _check(setting: SecretStr) -> SecretStr:
    try:
        Vault(split_keys(setting.get_secret_value()))
    except VaultError as error:
        raise ValueError(str(error)) from None  # pydantic turns it into an error of the setting
    return setting


MasterKeys = Annotated[SecretStr, AfterValidator(_check)]
"""Master keys between commas. With one that is no key, no process starts."""
