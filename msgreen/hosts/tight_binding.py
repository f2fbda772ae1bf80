"""An infinite lattice, summed over k on meshes that know their own error."""

from functools import partial
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, ArrayLike, Complex, Energies, Float, Num, Pairs, Scalar, Sites
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.estimate import Estimate
from msgreen.hosts.base import AbstractLatticeHost, Coarse, check_pairs, level_contour
from msgreen.lattice import HoppingModel, bloch_matrix, grid, mesh_blocks
from msgreen.lattice.bloch import check_reach
from msgreen.spin.algebra import Green, decompose

COARSEST_MESH = 16
"""Points per direction to begin with, a choice: hot contours end here, others double it."""
LARGEST_POINT_COUNT = 2**22
"""Points of a mesh in all, a choice: 2048 x 2048, or 161 in three directions."""
SMALLEST_GROWTH = 10.0
"""Factor by which the error of a mesh may exceed the square of that of its half, relative to G.

Waves spread in d dimensions as R^-(d-1)/2, so that it is 1/2 along a chain, 0.3 sqrt(N) on a square
and N / 8 on a cubic lattice with one band. max(10, N / 4) leaves room for bands of different speed
and for coefficients that change little by accident.
"""
LEVEL_MESH = {1: 2048, 2: 256, 3: 48}
"""Points per direction on which levels in a gap are looked for."""
VALLEYS, HALVINGS = 16, 12
"""Valleys of a band that are followed between these points, and how often the steps are halved:
the node of a p-wave gap is found to 1e-6 of the hopping."""


class _MeshSum(NamedTuple):
    """Blocks (energy, pair, size, size) of a mesh and of part of it, and the ratio of `Coarse`."""

    fine: Complex[Array, "energy pair size size"]
    coarse: Complex[Array, "energy pair size size"]
    ratio: Float[Array, " energy"]


class TightBinding(AbstractLatticeHost):
    """An infinite, perfect lattice with any basis, orbitals and spin-dependent hoppings.

    The error of a mesh of N points falls like exp(-N Im z / v), v being the band velocity in
    energies: far from the real axis few points suffice. By default every energy gets the mesh it
    needs.

    Parameters
    ----------
    model : HoppingModel
        Homogeneous.
    fermi_energy : float
        E_F in eV.
    temperature : float
        k_B T in eV, differentiable; at zero a gap is needed.
    gap : float, optional
        Distance in eV from E_F to the nearest level, checked on a dense mesh.
    mesh : int, optional
        Even number of points per direction, for all energies, more than twice the distance of the
        sites in cells. By default chosen for every energy; it must be given where JAX traces the
        model or the energies (`converged_mesh`). Its error reaches every result.
    accuracy : float
        Largest estimated error of G, relative to its largest entry, for chosen meshes.

    Raises
    ------
    InputError
        If a number has no meaning, the mesh is odd, or no mesh in reach converges.

    Notes
    -----
    `sites` are int arrays (site, dim + 1): cell coordinates, which may be negative, and the basis
    atom.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from msgreen.lattice import Lattice, shell_model
    >>> chain = TightBinding(shell_model(Lattice.chain(), [-1.0]), temperature=0.1)
    >>> onsite = chain.blocks(jnp.array([1j]), [[0, 0]], [[0, 0]])
    >>> bool(abs(onsite.A[0, 0, 0, 0] + 1j / 5**0.5) < 1e-10)
    True
    """

    nambu: ClassVar[bool] = False

    model: HoppingModel
    fermi_energy: Float[Array, ""]
    temperature: Float[Array, ""]
    gap: float | None = eqx.field(static=True)
    mesh: int | None = eqx.field(static=True)
    accuracy: float = eqx.field(static=True)

    def __init__(
        self,
        model: HoppingModel,
        *,
        fermi_energy: Scalar = 0.0,
        temperature: Scalar = 0.0,
        gap: float | None = None,
        mesh: int | None = None,
        accuracy: float = 1e-10,
    ):
        require_x64("TightBinding")
        _checks.number("fermi_energy", fermi_energy)
        _checks.number("temperature", temperature)
        _checks.not_negative("temperature", temperature, "k_B T in eV")
        _checks.positive_number("accuracy", accuracy)
        if gap is not None:
            _checks.positive_number("gap", gap, "eV")
        _check_homogeneous(model)
        _check_mesh(mesh, model.lattice.dimension)
        self.model = model
        self.fermi_energy = jnp.asarray(fermi_energy, float)
        self.temperature = jnp.asarray(temperature, float)
        self.gap = None if gap is None else float(gap)
        self.mesh = mesh
        self.accuracy = float(accuracy)

    def blocks(self, z: Energies, sites: Sites, pairs: Pairs) -> Green:
        """Return G_ij(z); see `AbstractHost.blocks`."""
        return decompose(self.model_blocks(self.model, z, sites, pairs))

    def blocks_and_coarse(self, z: Energies, sites: Sites, pairs: Pairs) -> tuple[Green, Coarse]:
        """Return G_ij(z) from two meshes; see `AbstractHost.blocks_and_coarse`."""
        fine, (coarse, ratio) = self.model_blocks_and_coarse(self.model, z, sites, pairs)
        return decompose(fine), Coarse(decompose(coarse), ratio)

    def contour(self, sites: Sites) -> Contour:
        """Return poles of the Fermi function, or of a gap that has been checked."""
        self.model.lattice.check_sites(sites)

        return level_contour(
            self.fermi_energy, self.model.bound(), self.temperature, self.gap, self.has_levels
        )

    def has_levels(self, low: float, high: float) -> bool:
        """Whether there are levels between two energies; see `AbstractHost.has_levels`."""
        return self.model_has_levels(self.model, low, high)

    def model_blocks(
        self,
        model: HoppingModel,
        z: Energies,
        sites: Sites,
        pairs: Pairs,
        momentum: Float[ArrayLike, " dim"] | None = None,
    ) -> Complex[Array, "energy pair spinorb spinorb"]:
        """Return the blocks of another model; see `AbstractLatticeHost.model_blocks`."""
        return self.model_blocks_and_coarse(model, z, sites, pairs)[0]

    def model_blocks_and_coarse(
        self,
        model: HoppingModel,
        z: Energies,
        sites: Sites,
        pairs: Pairs,
        momentum: Float[ArrayLike, " dim"] | None = None,
    ) -> tuple[
        Complex[Array, "energy pair spinorb spinorb"],
        tuple[Complex[Array, "energy pair spinorb spinorb"], Float[Array, " energy"]],
    ]:
        """Return blocks from two meshes; see `AbstractLatticeHost.model_blocks_and_coarse`.

        The coarser mesh is a part of the finer one and costs nothing here.
        """
        z = jnp.asarray(z, complex)
        steps, start, end = self._steps(model, sites, pairs)
        if self.mesh is not None:
            check_reach(self.mesh, steps)
            found = _sum(model, self.mesh, z, steps)
        else:
            found, _ = self._converged(model, z, steps)
        fine, coarse = (_pick(cells, model, start, end) for cells in (found.fine, found.coarse))
        return fine, (coarse, found.ratio)

    def with_error(
        self, z: Energies, sites: Sites, pairs: Pairs
    ) -> Estimate[Num[Array, "energy pair spinorb spinorb"]]:
        """Return the blocks as matrices; their real error is the largest of their energy."""
        fine, (coarse, ratio) = self.model_blocks_and_coarse(self.model, z, sites, pairs)
        error = _largest_error(fine, coarse, ratio)
        return Estimate(fine, jnp.broadcast_to(error[:, None, None, None], fine.shape))

    def converged_mesh(self, z: Energies, sites: Sites) -> np.ndarray:
        """Return the mesh that every energy needs for the blocks between all given sites."""
        rows = len(np.asarray(sites))
        pairs = np.stack(np.meshgrid(np.arange(rows), np.arange(rows)), axis=-1).reshape(-1, 2)
        steps, _, _ = self._steps(self.model, sites, pairs)
        return self._converged(self.model, jnp.asarray(z, complex), steps)[1]

    def model_has_levels(
        self,
        model: HoppingModel,
        low: float,
        high: float,
        momentum: Float[ArrayLike, " dim"] | None = None,
    ) -> bool:
        """Look for levels on a dense mesh; see `AbstractLatticeHost.model_has_levels`."""
        bound = model.bound()
        if min(high, bound) <= max(low, -bound):
            return False
        dim = model.lattice.dimension
        k = grid((LEVEL_MESH[dim],) * dim)
        bands = _bands(model, k)
        lowest, highest = bands.min(axis=0), bands.max(axis=0)
        if np.any((lowest < high) & (highest > low)):
            return True
        # Between the points bands may come closer still: at a node of a gap, to zero.
        over, under = np.flatnonzero(lowest >= high), np.flatnonzero(highest <= low)
        return bool(
            (len(over) and _refined(model, bands, over[0], 1) < high)
            or (len(under) and -_refined(model, bands, under[-1], -1) > low)
        )

    def _steps(self, model, sites, pairs):
        """All different cell distances of the pairs, and the basis atoms of their ends."""
        _check_homogeneous(model)
        rows = self.model.lattice.check_sites(sites)
        pairs = check_pairs(pairs, len(rows))
        start, end = rows[pairs[:, 0]], rows[pairs[:, 1]]
        return end[:, :-1] - start[:, :-1], start[:, -1], end[:, -1]

    def _converged(self, model, z, steps):
        """Double the mesh of every energy until its error estimate is small enough."""
        if _checks.concrete(z) is None or _checks.concrete(model.blocks) is None:
            raise InputError(
                "Argument `mesh` must be given while JAX traces the model or the energies, but it "
                "is missing. Ask `converged_mesh` for it beforehand."
            )
        dim, size = model.lattice.dimension, model.size
        blocks = np.zeros((2, len(z), len(steps), size, size), complex)
        ratio, error = np.zeros(len(z)), np.full(len(z), np.inf)
        z = np.asarray(z)
        meshes, reach = np.zeros(len(z), int), int(np.abs(steps).max(initial=0))
        mesh, left = max(COARSEST_MESH, 2 * reach + 2), np.arange(len(z))
        while len(left):
            if mesh**dim > LARGEST_POINT_COUNT:
                raise InputError(
                    f"Argument `z` must lie farther from the levels: {mesh // 2} points per "
                    f"direction leave an error of {error[left].max():.1e} at "
                    f"{complex(z[left[-1]]):.2g} eV. Raise the temperature or "
                    "`accuracy`, or give `mesh`."
                )
            found = _sum(model, mesh, jnp.asarray(z[left]), steps)
            blocks[0, left], blocks[1, left], ratio[left] = found
            error[left], meshes[left] = _largest_error(*found), mesh
            scale = np.abs(blocks[0, left]).max(axis=(1, 2, 3))
            left = left[error[left] > self.accuracy * scale]
            mesh *= 2
        return _MeshSum(*map(jnp.asarray, (*blocks, ratio))), meshes


def _bands(model: HoppingModel, k) -> np.ndarray:
    """Levels (k, band) at wave vectors (k, dim) in units of the reciprocal vectors."""
    return np.linalg.eigvalsh(np.asarray(bloch_matrix(model.matrices(), model.cells, k)))


def _refined(model: HoppingModel, bands: np.ndarray, band: int, sign: int) -> float:
    """Return the minimum of sign * level of a band, from the lowest valleys of its dense mesh."""
    dim = model.lattice.dimension
    mesh = LEVEL_MESH[dim]
    values = sign * bands[:, band].reshape((mesh,) * dim)
    valley = np.ones_like(values, bool)
    for axis in range(dim):
        for step in (1, -1):
            valley &= values <= np.roll(values, step, axis)
    rows = np.flatnonzero(valley)
    rows = rows[np.argsort(values.ravel()[rows])[:VALLEYS]]
    points = np.stack(np.unravel_index(rows, values.shape), axis=-1) / mesh
    lowest = float(values.min())
    near = np.stack(np.meshgrid(*[np.linspace(-1, 1, 5)] * dim, indexing="ij"), -1).reshape(-1, dim)
    for halving in range(HALVINGS):
        around = points[:, None] + near / (mesh * 2**halving)
        levels = sign * _bands(model, jnp.asarray(around.reshape(-1, dim)))[:, band]
        levels = levels.reshape(around.shape[:2])
        points = around[np.arange(len(points)), levels.argmin(axis=1)]
        lowest = min(lowest, float(levels.min()))
    return lowest


def _check_mesh(mesh: int | None, dimension: int) -> None:
    whole = mesh is None or isinstance(mesh, (int, np.integer))
    if not whole or (mesh is not None and (mesh < 4 or mesh % 2)):
        raise InputError(
            f"Argument `mesh` must be an even number of at least 4, but it is {mesh!r}: every "
            "second point serves the error estimate. Take the next even number."
        )
    if mesh is not None and mesh**dimension > LARGEST_POINT_COUNT:
        raise InputError(
            f"Argument `mesh` must have at most {LARGEST_POINT_COUNT} points in all, but {mesh} "
            f"per direction are {mesh**dimension}. Use fewer."
        )


def _check_homogeneous(model: HoppingModel) -> None:
    if model.local:
        raise InputError(
            "Argument `model` must be the same in every cell of an infinite lattice, but it has "
            "local blocks. Use FiniteLattice."
        )


@eqx.filter_jit
def _mean(cosets, mesh: int, place) -> _MeshSum:
    """Return the mean over the cosets of the distances in `place`, which follow distance zero."""
    fine = cosets.mean(axis=0)
    known, cosets = jax.lax.stop_gradient((fine, cosets))
    # The diagonal of the block of distance zero sets the scale of every orbital.
    scale = jnp.sqrt(jnp.abs(jnp.diagonal(known[:, 0], axis1=1, axis2=2)))
    change = jnp.abs(cosets - known) / (scale[:, None, :, None] * scale[:, None, None, :])
    change = change.max(axis=(2, 3, 4))
    # In some cosets the images may cancel, but not in all.
    coarse = cosets[jnp.argmax(change, axis=0), np.arange(len(fine))]
    growth = max(SMALLEST_GROWTH, mesh / 4)
    ratio = growth * jnp.minimum(1.0, change.max(axis=0))
    return _MeshSum(fine[:, place], coarse[:, place], ratio)


def _sum(model, mesh, z, steps) -> _MeshSum:
    """Blocks for all pairs; equal cell distances are computed once, and distance zero always."""
    with_zero = np.concatenate([np.zeros((1, steps.shape[1]), int), steps])
    distinct, inverse = np.unique(with_zero, axis=0, return_inverse=True)
    # Zero goes first.
    first = int(inverse.ravel()[0])
    order = np.concatenate([[first], np.delete(np.arange(len(distinct)), first)])
    place = np.argsort(order)[inverse.ravel()[1:]]
    cosets = mesh_blocks(model.matrices(), model.cells, mesh, z, distinct[order])
    return _mean(cosets, mesh, place)


@jax.jit
def _largest_error(fine, coarse, ratio) -> Float[Array, " energy"]:
    """Largest error of an entry of the finer mesh, and its rounding."""
    axes = (1, 2, 3)
    scale = jnp.abs(fine).max(axis=axes)
    return ratio * jnp.abs(fine - coarse).max(axis=axes) + 1e-14 * scale


def _pick(cells, model, start, end):
    """Cut the blocks between two atoms out of those between two cells."""
    return _between_atoms(cells, start, end, model.lattice.atoms)


@partial(jax.jit, static_argnames="atoms")
def _between_atoms(cells, start, end, atoms: int):
    size = cells.shape[-1] // atoms
    split = cells.reshape(*cells.shape[:2], atoms, size, atoms, size)
    row = np.arange(len(start))
    return jnp.moveaxis(split[:, row, start, :, end, :], 0, 1)
