"""How the running Python was built."""

import sys
import sysconfig
from pathlib import Path
from typing import Final

_MEMORY_MAPS: Final = Path("/proc/self/maps")


def lacks_optimizations(memory_maps: Path = _MEMORY_MAPS) -> bool:
    """Tell whether this Python was built without `--enable-optimizations`; in doubt False.

    Debian's interpreter is not the one that its build configuration describes: that one has its
    library apart, and the files which `memory_maps` (Linux) names tell which of both runs.
    """
    if sys.implementation.name != "cpython":
        return False
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        return False
    has_library_apart = bool(sysconfig.get_config_var("Py_ENABLE_SHARED"))
    if not memory_maps.exists():
        return not has_library_apart
    return has_library_apart == ("/libpython" in memory_maps.read_text())
