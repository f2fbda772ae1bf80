"""Long work: a map over independent blocks, which are then joined.

Items are cut into blocks that fit into memory. The items of a block are spread over the devices of
the process, and inside of `working` the blocks over the processes of `jax.distributed`: every
process gets all results. What is finished can be kept there (`AbstractKeeper`), and is then not
computed again. Blocks do not depend on the number of processes, hence neither does any number.

Inside of a transformation of JAX there are neither devices, processes nor keepers to be had: the
same blocks become one loop of the compiled program.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from tqdm import tqdm

from msgreen.errors import ProcessError

BLOCK_BYTES = 32 * 2**20
"""Memory of a block on one device. Loops are as fast with 8 to 128 MB on a CPU."""

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where a process has a function, in the structure of a pytree."""


class AbstractKeeper(ABC):
    """Keeps the blocks of one map after the other; a run has the same maps whenever it is made."""

    @abstractmethod
    def begin(self, layout: Mapping[str, str]) -> dict[int, list[np.ndarray]]:
        """Return the finished blocks of the next map by number, refusing those of another layout.

        `layout` says by name what the blocks depend on.
        """

    @abstractmethod
    def keep(self, number: int, leaves: list[np.ndarray]) -> None:
        """Keep a finished block of the map that was begun last."""


class _Work(NamedTuple):
    keeper: AbstractKeeper | None
    processes: int


class _Plan(NamedTuple):
    """How many blocks of how many items, and what they depend on."""

    blocks: int
    size: int
    layout: dict[str, str]


_ALONE = _Work(None, 1)
_work: ContextVar[_Work] = ContextVar("work", default=_ALONE)


@contextmanager
def working(keeper: AbstractKeeper | None = None) -> Iterator[None]:
    """Let all maps share their blocks with the other processes, and keep finished ones.

    All processes of `jax.distributed` have to come here, and to do the same.
    """
    token = _work.set(_Work(keeper, jax.process_count()))
    try:
        yield
    finally:
        _work.reset(token)


def map_items(
    function: Callable[..., Any],
    known,
    items: tuple,
    item_bytes: int,
    *,
    block_bytes: int | None = None,
    label: str | None = None,
    unit: str = "block",
):
    """Return ``function(known, *items)``, block by block.

    Parameters
    ----------
    function : callable
        Maps `known` and some items to a pytree of arrays with the item first. Jitted, and the same
        object whenever possible: it is compiled once per shape, and all blocks have the same.
    known : pytree
        What all blocks need.
    items : tuple of arrays
        With the item first.
    item_bytes : int
        Memory that `function` takes per item.
    block_bytes : int
        Memory of a block on one device, `BLOCK_BYTES` by default.
    label, unit : str, optional
        Of a progress bar; none by default.
    """
    count, places = len(items[0]), jax.local_devices()
    most = max(1, (block_bytes or BLOCK_BYTES) // max(1, item_bytes))
    if _traced(known, items):
        return _in_one_program(function, known, items, most)
    # Blocks of nearly the same size, as every one is filled up to the largest.
    blocks = -(-count // (most * len(places)))
    size = len(places) * max(1, -(-count // max(1, blocks * len(places))))
    with _bar(label, unit, count) as bar:
        alone = _work.get() == _ALONE and len(places) == 1
        if not count or (alone and count <= size):
            found = function(known, *items)
            bar.update(count)
            return found

        compute = _on(places, function, known)

        def block(number: int):
            rows = np.minimum(np.arange(number * size, (number + 1) * size), count - 1)
            return compute(*(x[rows] for x in items))

        plan = _Plan(-(-count // size), size, _layout(function, known, items, size))
        parts = _all_blocks(block, plan, bar, (function, known, *(x[:1] for x in items)))
    return jax.tree.map(lambda *x: jnp.concatenate(x)[:count], *parts)


def _bar(label: str | None, unit: str, count: int) -> tqdm:
    return tqdm(total=count, desc=label, unit=unit, disable=label is None, leave=False)


def _traced(known, items) -> bool:
    """Whether JAX is transforming what would be computed."""
    leaves = jax.tree.leaves((known, items))
    return any(isinstance(x, Tracer) for x in (*leaves, jnp.zeros(()) + 0.0))


def _in_one_program(function, known, items: tuple, most: int):
    count = len(items[0])
    if count <= most:
        return function(known, *items)
    rows = np.arange(count + -count % most).reshape(-1, most)
    blocks = tuple(jnp.asarray(x)[np.minimum(rows, count - 1)] for x in items)
    found = jax.lax.map(lambda some: function(known, *some), blocks)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], found)


def _on(places: list, function, known):
    """Return `function` of items, spread over devices, with results of numpy."""
    if len(places) == 1:
        return lambda *items: jax.tree.map(np.asarray, function(known, *items))
    mesh = Mesh(np.array(places), ("item",))
    arrays, rest = eqx.partition(known, _is_array)
    arrays = jax.device_put(arrays, NamedSharding(mesh, PartitionSpec()))

    def compute(*items):
        spread = jax.device_put(items, NamedSharding(mesh, PartitionSpec("item")))
        return jax.tree.map(np.asarray, _spread(function, mesh, arrays, rest, spread))

    return compute


@eqx.filter_jit
def _spread(function, mesh: Mesh, arrays, rest, items):
    def share(arrays, items):
        return function(eqx.combine(arrays, rest), *items)

    everywhere, apart = PartitionSpec(), PartitionSpec("item")
    # Loops inside of `function` start from constants, which the check takes for the same on all.
    spread = jax.shard_map(
        share, mesh=mesh, in_specs=(everywhere, apart), out_specs=apart, check_vma=False
    )
    return spread(arrays, items)


def _is_array(x) -> bool:
    return isinstance(x, jax.Array | np.ndarray | np.generic)


def _layout(function, known, items: tuple, size: int) -> dict[str, str]:
    """Return what blocks depend on, by name."""
    if _work.get().keeper is None:
        return {}
    devices = jax.local_devices()
    return {
        "items": f"{len(items[0])} in blocks of {size}",
        "devices of a process": f"{len(devices)} {devices[0].device_kind}",
        "function": _name(function),
        "content of the items": checksum(items),
        "host, coupling or energies": checksum(known),
    }


def checksum(tree) -> str:
    """Return a checksum of a pytree: of its numbers and words, names of functions, and structure.

    It is the same in every process.
    """
    leaves, structure = jax.tree.flatten(tree)
    whole = hashlib.sha256(_ADDRESS.sub("", str(structure)).encode())
    for leaf in leaves:
        word = leaf if isinstance(leaf, str) else _name(leaf) if callable(leaf) else None
        value = np.asarray(leaf) if word is None else None
        whole.update(str(word).encode() if value is None else value.tobytes())
        whole.update(str("" if value is None else value.shape).encode())
    return whole.hexdigest()


def _name(function) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _all_blocks(block, plan: _Plan, bar: tqdm, whole: tuple) -> list:
    """Return all blocks: those that are kept, those of this process, those of the others."""
    work = _work.get()
    known = {} if work.keeper is None else work.keeper.begin(plan.layout)
    if work.processes > 1:
        found = np.isin(np.arange(plan.blocks), list(known))
        agreed = _together(multihost_utils.broadcast_one_to_all, found)
        known = {n: known[n] for n in np.flatnonzero(agreed).tolist()}
    missing = [n for n in range(plan.blocks) if n not in known]
    bar.update(min(plan.size * len(known), bar.total))
    mine = missing[jax.process_index() :: work.processes] if work.processes > 1 else missing
    tree = None
    # A process without a block computes one all the same, to know what it looks like.
    for number in mine or missing[:1]:
        token = _work.set(_ALONE)
        try:
            known[number], tree = jax.tree.flatten(block(number))
        finally:
            _work.reset(token)
        if work.keeper is not None and number in mine:
            work.keeper.keep(number, known[number])
        # This process shows what all do.
        bar.update(min(plan.size * work.processes, bar.total - bar.n))
    if work.processes > 1 and missing:
        _exchange(known, missing, work.processes)
    if tree is None:
        tree = jax.tree.structure(eqx.filter_eval_shape(*whole))
    return [jax.tree.unflatten(tree, known[n]) for n in range(plan.blocks)]


def _exchange(known: dict[int, list[np.ndarray]], missing: list[int], processes: int) -> None:
    """Add the blocks of all other processes."""
    here = missing[jax.process_index() :: processes]
    most, example = len(missing[::processes]), known[missing[0] if not here else here[0]]
    everything = []
    for place, leaf in enumerate(example):
        stack = np.zeros((most, *leaf.shape), leaf.dtype)
        for row, number in enumerate(here):
            stack[row] = known[number][place]
        everything.append(np.asarray(_together(multihost_utils.process_allgather, stack)))
    for process in range(processes):
        for row, number in enumerate(missing[process::processes]):
            known[number] = [stack[process, row] for stack in everything]


def _together(collect, value):
    """Do with all processes what needs them all."""
    try:
        return collect(value)
    except (RuntimeError, ValueError) as error:  # as JAX says that one is gone
        reason = " ".join(str(error).split())[:200]
        raise ProcessError(
            f"Every process of the run must answer, but one does not: {reason}. Look for what it "
            "said last, and start all again with `resume`: finished blocks are kept."
        ) from error
