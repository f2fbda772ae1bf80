"""Examples with data that come with the program, by name."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

SHIPPED: Mapping[str, Path] = MappingProxyType(
    {"srmno3": Path(__file__).parent / "examples" / "srmno3" / "srmno3.toml"}
)
"""Configurations whose files lie beside them: SrMnO3 from Wannier90."""


def configuration(path: Path) -> Path:
    """Return the file that a path names: itself, or an example if there is no such file.

    Parameters
    ----------
    path : Path
        Of a configuration, or a name in `SHIPPED`.
    """
    return path if path.exists() else SHIPPED.get(str(path), path)
