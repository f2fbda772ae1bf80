"""What the tables of a configuration are made of."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, ClassVar, NamedTuple

import xarray as xr
from matplotlib.figure import Figure
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationInfo,
    model_validator,
)
from pydantic_core import core_schema

from msgreen.clusters import check_order
from msgreen.errors import InputError, UnitWarning
from msgreen.spinmodel import SpinModel
from msgreen.units import BOLTZMANN

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


class _OneOrMore:
    """Takes a value as a list of it, and says so in the schema."""

    def __get_pydantic_core_schema__(self, source, handler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(_as_list, handler(source))

    def __get_pydantic_json_schema__(self, schema, handler) -> dict:
        several = handler(schema)
        return {"anyOf": [several["items"], several]}


OneOrMore = _OneOrMore()
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
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence]]] = MappingProxyType({})
    """Header and rows of further tables by file name, without ending."""


class Renamed(NamedTuple):
    """A key that says its unit now."""

    key: str
    """The name that it has."""
    factor: float = 1.0
    """What its value is multiplied by."""
    meaning: str = ""
    """Unit of the value under the old name, if it is another."""


class AbstractTable(BaseModel):
    """A table of the configuration: unknown keys, wrong types, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    renamed: ClassVar[Mapping[str, Renamed]] = MappingProxyType({})
    """Old keys, which keep working with a warning, by name."""

    @model_validator(mode="before")
    @classmethod
    def _takes_old_keys(cls, content):
        if not isinstance(content, dict):
            return content
        for old, new in cls.renamed.items():
            if old not in content:
                continue
            if new.key in content:
                raise InputError(
                    f"Argument `{old}` must not be given together with `{new.key}`, its new name, "
                    "but both are. Remove it."
                )
            value = content[old]
            content = {key: content[key] for key in content if key != old}
            content[new.key] = value
            if isinstance(value, int | float) and not isinstance(value, bool) and new.meaning:
                content[new.key] = value * new.factor
            was = f" ({new.meaning})" if new.meaning else ""
            warnings.warn(
                f"The key `{old}`{was} is now `{new.key}` = {content[new.key]}", UnitWarning, 2
            )
        return content


TEMPERATURE_IN_EV = Renamed("temperature_K", 1 / BOLTZMANN, "k_B T in eV")
"""Of hosts whose ``temperature`` was an energy."""


def doubt(name: str, value: float | None, unit: str, largest: float) -> None:
    """Warn of a value that is probably meant in another unit.

    Parameters
    ----------
    name : str
        Of the key.
    value : float, optional
    unit : str
        Of the value.
    largest : float
        Magnitude up to which it is plausible.
    """
    if value is not None and abs(value) > largest:
        warnings.warn(
            f"`{name}` is {value:g} {unit}, which is more than {largest:g} {unit}: is it meant in "
            "another unit?",
            UnitWarning,
            2,
        )


class Output(AbstractTable):
    """``[output]``: what is written."""

    figures: bool = True


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


def json_schema(kinds: Mapping[str, type[AbstractRun]]) -> dict:
    """Return the JSON schema of configurations of some kinds, for editors.

    Parameters
    ----------
    kinds : mapping of str to AbstractRun subclass
        By the value of ``host.kind``.
    """
    adapter = TypeAdapter(reduce(or_, kinds.values()))
    return {"$schema": "http://json-schema.org/draft-07/schema#", **adapter.json_schema()}


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
