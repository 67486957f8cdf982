"""Settings of the projections' process: `BILLHOOK_*`. Read by `__main__` alone."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the projections process."""

    model_config = SettingsConfigDict(
        env_prefix="BILLHOOK_", extra="ignore", hide_input_in_errors=True
    )

    database_url: str
    log_format: Literal["json", "console"] = "json"
    heartbeat_file: Path | None = None
    keep_old_generation_s: float = Field(default=600, ge=0)
