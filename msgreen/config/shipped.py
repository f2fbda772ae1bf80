"""Examples with data that come with the program, by name."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

SHIPPED: Mapping[str, Path] = MappingProxyType(
    {
        name: Path(__file__).parent / "examples" / name / f"{name}.toml"
        for name in ("iron", "srmno3")
    }
)
"""Configurations whose files lie beside them: bcc iron and SrMnO3 from Wannier90."""


def configuration(path: Path) -> Path:
    """Return the file that a path names: itself, or an example if there is no such file.

    Parameters
    ----------
    path : Path
        Of a configuration, or a name in `SHIPPED`.
    """
    return path if path.exists() else SHIPPED.get(str(path), path)
