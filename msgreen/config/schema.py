"""What the tables of a configuration are made of."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple

import xarray as xr
from matplotlib.figure import Figure
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from msgreen.clusters import check_order
from msgreen.errors import InputError
from msgreen.spinmodel import SpinModel

Positive = Annotated[float, Field(gt=0)]
"""A number greater than zero."""

Negative = Annotated[float, Field(lt=0)]
"""A number less than zero."""


def _as_list(value):
    return value if isinstance(value, list) else [value]


def _as_input_file(value, info: ValidationInfo):
    if not isinstance(value, str):
        return value
    path = Path((info.context or {}).get("folder", "."), value).resolve()
    if not path.is_file():
        raise InputError(f"Argument `path` must be an existing file, but {path} is none.")
    return path


def _as_order(order: int) -> int:
    check_order(order)
    return order


def _as_even_order(order: int) -> int:
    if order % 2:
        raise InputError(
            f"Argument `order` must be an even number of spins, but it is {order}: odd orders "
            "vanish in a host with time reversal symmetry. Leave it out."
        )
    return _as_order(order)


Order = Annotated[int, AfterValidator(_as_order)]
"""A number of spins."""

EvenOrder = Annotated[int, AfterValidator(_as_even_order)]
"""A number of spins in a host with time reversal symmetry."""

OneOrMore = BeforeValidator(_as_list)
"""Annotation of a list that may be written as a single value."""

InputFile = Annotated[Path, BeforeValidator(_as_input_file)]
"""An existing file; relative paths start at the folder of the configuration."""


class Outcome(NamedTuple):
    """What a run leaves behind."""

    header: Sequence[str]
    """Names of the columns of the table."""
    rows: Sequence[Sequence]
    """Rows of the table."""
    dataset: xr.Dataset
    """The same with errors, units and convention, for NetCDF."""
    figures: Mapping[str, Figure]
    """Pictures by file name, without ending."""
    summary: Sequence[str]
    """Lines for the terminal."""
    model: SpinModel | None = None
    """The spin model of a run whose dataset is none."""


class AbstractTable(BaseModel):
    """A table of the configuration: unknown keys, wrong types, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class AbstractRun(AbstractTable, ABC):
    """A whole configuration of one kind, and what it computes."""

    table: ClassVar[str] = "interactions"
    """Name of the files of the table and the dataset, without ending."""

    @abstractmethod
    def run(self, progress: bool) -> Outcome:
        """Compute everything the configuration asks for.

        Parameters
        ----------
        progress : bool
            Whether to show progress bars.
        """


def exactly_one(table: BaseModel, *names: str) -> None:
    """Raise InputError unless exactly one of the alternative keys `names` is given."""
    given = [name for name in names if getattr(table, name) is not None]
    if len(given) > 1:
        raise InputError(
            f"Argument `{given[1]}` must not be given together with `{given[0]}`, but both are. "
            "Give one of them."
        )
    if not given:
        others = ", ".join(f"`{name}`" for name in names[1:])
        raise InputError(
            f"Argument `{names[0]}` must be given (or {others}), but it is missing. Add one."
        )
