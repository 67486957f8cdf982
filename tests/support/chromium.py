import shutil
from typing import Final

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def chromium() -> str | None:
    """Return the path of the machine's Chromium; None without one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)
