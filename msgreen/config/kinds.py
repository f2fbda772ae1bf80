"""Kinds of run by name, each of which is imported when it is asked for."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType

from msgreen.config.schema import AbstractRun


class Kinds(Mapping[str, type[AbstractRun]]):
    """The classes of runs by the name of their kind; a run waits for the imports of its own only.

    Attributes
    ----------
    paths : mapping of str to str
        Module and name of the class, as "msgreen.config.kkr.KKRRun", by kind.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self.paths = MappingProxyType(dict(paths))

    def __getitem__(self, kind: str) -> type[AbstractRun]:
        module, _, name = self.paths[kind].rpartition(".")
        return getattr(import_module(module), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)
