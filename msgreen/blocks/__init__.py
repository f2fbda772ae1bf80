"""Long work: a map over independent blocks, which are then joined or added.

Items are cut into blocks that fit into memory. The items of a block are spread over the devices of
the process, and inside of `working` the blocks over the processes of `jax.distributed`: every
process gets all results. What is finished can be kept there (`AbstractKeeper`), and is then not
computed again. Blocks do not depend on the number of processes, hence neither does any number.

Inside of a transformation of JAX there are neither devices, processes nor keepers to be had: the
same blocks become one loop of the compiled program.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import reduce
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from tqdm import tqdm

from msgreen.blocks.checksums import checksum as checksum
from msgreen.blocks.checksums import name_of
from msgreen.errors import ProcessError

BLOCK_BYTES = 32 * 2**20
"""Memory of a block on one device. Loops are as fast with 8 to 128 MB on a CPU."""

WHOLE = -1
"""Number of the only block of what was kept as a whole."""

PATIENCE = 2.0
"""Seconds before a bar without a label is shown; nobody reads one that is gone at once."""

SUMMANDS = 16
"""Blocks of a sum at most: all are held until they are added, always in the same order."""


class AbstractKeeper(ABC):
    """Keeps the blocks of one map after the other; a run has the same maps whenever it is made."""

    @abstractmethod
    def begin(self, layout: Mapping[str, str]) -> dict[int, list[np.ndarray]]:
        """Return the finished blocks of the next map by number, refusing those of another layout.

        `layout` says by name what the blocks depend on. A map that begins before another has ended
        is a part of it.
        """

    @abstractmethod
    def keep(self, number: int, leaves: list[np.ndarray]) -> None:
        """Keep a finished block of the map that was begun last."""

    @abstractmethod
    def end(self, whole: list[np.ndarray] | None = None) -> None:
        """End the map that was begun last; its `whole` takes the place of blocks and parts."""


class _Work(NamedTuple):
    keeper: AbstractKeeper | None
    processes: int
    inner: bool = False


class _Plan(NamedTuple):
    """How many blocks of how many items, what they depend on, and how many are computed at once."""

    blocks: int
    size: int
    layout: dict[str, str]
    workers: int


_ALONE = _Work(None, 1)
_work: ContextVar[_Work] = ContextVar("work", default=_ALONE)
_shown: ContextVar[bool] = ContextVar("shown", default=False)


@contextmanager
def working(keeper: AbstractKeeper | None = None) -> Iterator[None]:
    """Let all maps share their blocks with the other processes, and keep finished ones.

    All processes of `jax.distributed` have to come here, and to do the same.
    """
    with _now(_work, _Work(keeper, jax.process_count())):
        yield


def showing(shown: bool = True) -> AbstractContextManager[None]:
    """Show bars of all maps of several blocks that take longer than `PATIENCE`."""
    return _now(_shown, shown)


@contextmanager
def _now(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def map_items(
    function: Callable[..., Any],
    known: Any,
    items: tuple,
    item_bytes: int,
    *,
    block_bytes: int | None = None,
    filled: bool = False,
    label: str | None = None,
    unit: str = "item",
) -> Any:
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
    filled : bool
        Whether blocks are filled up to this memory, so that any number of items has one shape.
    label, unit : str, optional
        Of a progress bar; by default there is one inside of `showing` only.
    """
    count, places = len(items[0]), jax.local_devices()
    most = max(1, (block_bytes or BLOCK_BYTES) // max(1, item_bytes))
    if _traced(known, items):
        return _in_one_program(function, known, items, most)
    # Blocks of nearly the same size, as every one is filled up to the largest.
    blocks = -(-count // (most * len(places)))
    size = len(places) * (most if filled else max(1, -(-count // max(1, blocks * len(places)))))
    with _bar(label, unit, count, count > size) as bar:
        if not count or (_alone(places) and (count == size or (count < size and not filled))):
            found = function(known, *items)
            bar.update(count)
            return found

        compute = _on(places, function, known)
        items = tuple(map(np.asarray, items))

        def block(number: int):
            return compute(*(_rows(x, number, size) for x in items))

        plan = _Plan(-(-count // size), size, _layout(function, known, items, size), 1)
        parts = _all_blocks(block, plan, bar, (function, known, *(x[:1] for x in items)))
    return jax.tree.map(lambda *x: jnp.asarray(np.concatenate(x)[:count]), *parts)


def sum_items(
    function: Callable[..., Any],
    known: Any,
    items: tuple,
    item_bytes: int,
    *,
    workers: int = 1,
    label: str | None = None,
    unit: str = "item",
) -> Any:
    """Return ``function(known, share, *items)``, a sum over items, block by block.

    Parameters
    ----------
    function : callable
        Maps `known`, the shares of some items and these to the sum, a pytree of arrays. A share is
        1, or 0 for an item that only fills up a block. It bounds its memory by itself: in a
        transformation of JAX it is called once.
    known, items, label, unit
        As for `map_items`.
    item_bytes : int
        Memory that `function` goes through per item, though it need not hold it.
    workers : int
        Blocks at once on one device, for functions that XLA keeps on one thread of it.
    """
    count, places = len(items[0]), jax.local_devices()
    share = np.ones(count)
    if _traced(known, items):
        return function(known, share, *items)
    most = max(BLOCK_BYTES // max(1, item_bytes), -(-count // (SUMMANDS * len(places))), 1)
    blocks = max(1, -(-count // (most * len(places))))
    size = len(places) * -(-count // (blocks * len(places)))
    with _bar(label, unit, count, count > size) as bar:
        # Blocks are good for several at once, or to show how many are done.
        if _alone(places) and (count <= size or (workers == 1 and label is None)):
            found = function(known, share, *items)
            bar.update(count)
            return found

        compute = _on(places, function, known, added=True)

        items = tuple(map(np.asarray, items))

        def block(number: int):
            share = (np.arange(number * size, (number + 1) * size) < count).astype(float)
            return compute(share, *(_rows(x, number, size) for x in items))

        layout = _layout(function, known, items, size)
        plan = _Plan(-(-count // size), size, layout, workers if len(places) == 1 else 1)
        example = (function, known, *(x[:1] for x in (share, *items)))
        parts = _all_blocks(block, plan, bar, example, added=True)
    return jax.tree.map(jnp.asarray, parts[0])


def whole_step(function: Callable[[], Any], known: Any, example: Callable[[], Any]) -> Any:
    """Return ``function()``, kept as a whole when it is done.

    All processes compute it together: they share the maps inside, whose blocks are kept until then.

    Parameters
    ----------
    function : callable
        Returns a pytree of arrays.
    known : pytree
        What it depends on.
    example : callable
        Returns what has the structure of the result; called if that was kept.
    """
    keeper = _work.get().keeper
    if keeper is None or _traced(known, ()):
        return function()
    found = _agreed(keeper.begin({"step": name_of(function), "content": checksum(known)}), WHOLE, 0)
    if found:
        keeper.end()
        with _now(_work, _ALONE):
            structure = jax.tree.structure(example())
        return jax.tree.unflatten(structure, found[WHOLE])
    with _now(_work, _work.get()._replace(inner=True)):
        value = jax.tree.map(np.asarray, function())
    keeper.end(jax.tree.leaves(value))
    return value


def _alone(places: list) -> bool:
    """Whether there is nothing to be shared with and nothing to be kept."""
    return _work.get() == _ALONE and len(places) == 1


def _bar(label: str | None, unit: str, count: int, several: bool) -> tqdm:
    shown, delay = (True, 0.0) if label else (several and _shown.get(), PATIENCE)
    options = {"disable": not shown, "delay": delay, "leave": False}
    return tqdm(total=count, desc=label, unit=unit, **options)


def _traced(known, items) -> bool:
    """Whether JAX is transforming what would be computed."""
    leaves = jax.tree.leaves((known, items))
    return any(isinstance(x, Tracer) for x in (*leaves, jnp.zeros(()) + 0.0))


def _rows(x: np.ndarray, number: int, size: int) -> np.ndarray:
    """Return a block of some items, filled up with the last of all."""
    some = x[number * size : (number + 1) * size]
    missing = size - len(some)
    return np.concatenate([some, np.repeat(x[-1:], missing, axis=0)]) if missing else some


def _in_one_program(function, known, items: tuple, most: int):
    count = len(items[0])
    if count <= most:
        return function(known, *items)
    rows = np.arange(count + -count % most).reshape(-1, most)
    blocks = tuple(jnp.asarray(x)[np.minimum(rows, count - 1)] for x in items)
    found = jax.lax.map(lambda some: function(known, *some), blocks)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], found)


def _on(places: list, function, known, added: bool = False):
    """Return `function` of items, spread over devices, with results of numpy."""
    if len(places) == 1:
        return lambda *items: jax.tree.map(np.asarray, function(known, *items))
    mesh = Mesh(np.array(places), ("item",))
    arrays, rest = eqx.partition(known, _is_array)
    arrays = jax.device_put(arrays, NamedSharding(mesh, PartitionSpec()))

    def compute(*items):
        spread = jax.device_put(items, NamedSharding(mesh, PartitionSpec("item")))
        return jax.tree.map(np.asarray, _spread(function, mesh, arrays, rest, spread, added))

    return compute


@eqx.filter_jit
def _spread(function, mesh: Mesh, arrays, rest, items, added: bool):
    def share(arrays, items):
        found = function(eqx.combine(arrays, rest), *items)
        return jax.lax.psum(found, "item") if added else found

    everywhere, apart = PartitionSpec(), PartitionSpec("item")
    out = everywhere if added else apart
    # Loops inside of `function` start from constants, which the check takes for the same on all.
    spread = jax.shard_map(
        share, mesh=mesh, in_specs=(everywhere, apart), out_specs=out, check_vma=False
    )
    return spread(arrays, items)


def _is_array(x) -> bool:
    return isinstance(x, jax.Array | np.ndarray | np.generic)


def _layout(function, known, items: tuple, size: int) -> dict[str, str]:
    """Return what blocks depend on, by name."""
    if _work.get().keeper is None:
        return {}
    devices = jax.local_devices()
    layout = {
        "items": f"{len(items[0])} in blocks of {size}",
        "devices of a process": f"{len(devices)} {devices[0].device_kind}",
        "function": name_of(function),
    }
    # The content of what is kept as a whole says that of its parts.
    return (
        layout
        if _work.get().inner
        else layout
        | {
            "content of the items": checksum(items),
            "host, coupling or energies": checksum(known),
        }
    )


def _all_blocks(block, plan: _Plan, bar: tqdm, example: tuple, added: bool = False) -> list:
    """Return all blocks: those that are kept, those of this process, those of the others.

    Those that will be `added` are added by the keeper as well, and then are one.
    """
    work = _work.get()
    known = {} if work.keeper is None else work.keeper.begin(plan.layout)
    known = _agreed(known, WHOLE if added else 0, plan.blocks)
    missing = [] if WHOLE in known else [n for n in range(plan.blocks) if n not in known]
    bar.update(min(plan.size * (plan.blocks - len(missing)), bar.total))
    mine = missing[jax.process_index() :: work.processes] if work.processes > 1 else missing
    tree = None
    # A process without a block computes one all the same, to know what it looks like.
    for number, found in _computed(block, mine or missing[:1], plan.workers):
        known[number], tree = jax.tree.flatten(found)
        if work.keeper is not None and number in mine:
            work.keeper.keep(number, known[number])
        # This process shows what all do.
        bar.update(min(plan.size * work.processes, bar.total - bar.n))
    if work.processes > 1 and missing:
        _exchange(known, missing, work.processes)
    whole = None
    if added and WHOLE not in known:
        every = zip(*(known[n] for n in range(plan.blocks)), strict=True)
        whole = [reduce(np.add, leaf) for leaf in every]
        known = {WHOLE: whole}
    if work.keeper is not None:
        work.keeper.end(whole)
    if tree is None:
        tree = jax.tree.structure(eqx.filter_eval_shape(*example))
    numbers = [WHOLE] if added else range(plan.blocks)
    return [jax.tree.unflatten(tree, known[n]) for n in numbers]


def _computed(block, numbers: list[int], workers: int) -> Iterator[tuple[int, Any]]:
    """Yield blocks with their numbers; what they map themselves is neither shared nor kept."""
    if workers > 1 and len(numbers) > 1:
        # Threads begin with the default of `_work`.
        with ThreadPoolExecutor(workers) as pool:
            yield from zip(numbers, pool.map(block, numbers), strict=True)
        return
    for number in numbers:
        with _now(_work, _ALONE):
            found = block(number)
        yield number, found


def _agreed(known: dict[int, list[np.ndarray]], first: int, stop: int):
    """Return the blocks from `first` to `stop` that the first process knows, if there are more."""
    if _work.get().processes == 1:
        return known
    numbers = np.arange(first, stop)
    agreed = _together(multihost_utils.broadcast_one_to_all, np.isin(numbers, list(known)))
    return {n: known[n] for n in numbers[agreed].tolist()}


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
