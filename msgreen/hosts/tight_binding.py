"""An infinite lattice, summed over k on meshes that know their own error."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._precision import require_x64
from msgreen._typing import Array, Complex, Float
from msgreen.contour import Contour
from msgreen.errors import InputError
from msgreen.hosts.base import AbstractLatticeHost, check_pairs, level_contour
from msgreen.lattice import HoppingModel, bloch_matrix, grid, mesh_blocks
from msgreen.spin.algebra import Green, decompose

COARSEST_MESH = 16
LARGEST_POINT_COUNT = 2**22
LEVEL_MESH = {1: 2048, 2: 256, 3: 48}
"""Points per direction on which levels in a gap are looked for."""


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
        k_B T in eV; at zero a gap is needed.
    gap : float, optional
        Distance in eV from E_F to the nearest level, checked on a dense mesh.
    mesh : int, optional
        Even number of points per direction, for all energies. By default chosen for every energy;
        it must be given where JAX traces the model or the energies (`converged_mesh`).
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
    temperature: float = eqx.field(static=True)
    gap: float | None = eqx.field(static=True)
    mesh: int | None = eqx.field(static=True)
    accuracy: float = eqx.field(static=True)

    def __init__(
        self,
        model: HoppingModel,
        *,
        fermi_energy=0.0,
        temperature: float = 0.0,
        gap: float | None = None,
        mesh: int | None = None,
        accuracy: float = 1e-10,
    ):
        require_x64("TightBinding")
        _checks.finite("fermi_energy", fermi_energy)
        _checks.not_negative("temperature", temperature, "k_B T in eV")
        _checks.positive("accuracy", accuracy)
        if gap is not None:
            _checks.positive("gap", gap, "eV")
        if mesh is not None and (mesh < 4 or mesh % 2):
            raise InputError(
                f"Argument `mesh` must be an even number of at least 4, but it is {mesh}: every "
                "second point serves the error estimate."
            )
        _check_homogeneous(model)
        self.model = model
        self.fermi_energy = jnp.asarray(fermi_energy, float)
        self.temperature = float(temperature)
        self.gap = None if gap is None else float(gap)
        self.mesh = mesh
        self.accuracy = float(accuracy)

    def blocks(self, z, sites, pairs) -> Green:
        """Return G_ij(z); see `AbstractHost.blocks`."""
        return decompose(self.model_blocks(self.model, z, sites, pairs))

    def contour(self, sites) -> Contour:
        """Return poles of the Fermi function, or of a gap that has been checked."""
        self.model.lattice.check_sites(sites)

        def has_levels(low, high):
            return self.has_levels(self.model, low, high)

        return level_contour(
            self.fermi_energy, self.model.bound(), self.temperature, self.gap, has_levels
        )

    @property
    def assumed_gap(self) -> float | None:
        """The gap, at zero temperature; see `AbstractHost.assumed_gap`."""
        return None if self.temperature > 0 else self.gap

    def model_blocks(self, model, z, sites, pairs, momentum=None):
        """Return the blocks of another model; see `AbstractLatticeHost.model_blocks`."""
        z = jnp.asarray(z, complex)
        steps, start, end = self._steps(model, sites, pairs)
        if self.mesh is not None:
            cells, _ = _sum(model, self.mesh, z, steps)
        else:
            cells, _, _ = self._converged(model, z, steps)
        return _pick(cells, model, steps, start, end)

    def with_error(
        self, z, sites, pairs
    ) -> tuple[Complex[Array, "energy pair spinorb spinorb"], Float[Array, " energy"]]:
        """Return the blocks as matrices, and an estimate of their largest error per energy."""
        z = jnp.asarray(z, complex)
        steps, start, end = self._steps(self.model, sites, pairs)
        if self.mesh is not None:
            cells, coarse = _sum(self.model, self.mesh, z, steps)
            error = _mesh_error(cells, coarse)
        else:
            cells, error, _ = self._converged(self.model, z, steps)
        return _pick(cells, self.model, steps, start, end), error

    def converged_mesh(self, z, sites) -> np.ndarray:
        """Return the mesh that every energy needs for the blocks between all given sites."""
        rows = len(np.asarray(sites))
        pairs = np.stack(np.meshgrid(np.arange(rows), np.arange(rows)), axis=-1).reshape(-1, 2)
        steps, _, _ = self._steps(self.model, sites, pairs)
        return self._converged(self.model, jnp.asarray(z, complex), steps)[2]

    def has_levels(self, model, low, high, momentum=None) -> bool:
        """Look for levels on a dense mesh; see `AbstractLatticeHost.has_levels`."""
        dim = model.lattice.dimension
        k = grid((LEVEL_MESH[dim],) * dim)
        bands = np.linalg.eigvalsh(np.asarray(bloch_matrix(model.matrices(), model.cells, k)))
        above = bands.min(axis=0)
        below = bands.max(axis=0)
        return bool(np.any((above < high) & (below > low)))

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
        blocks = np.zeros((len(z), len(steps), size, size), complex)
        error, meshes = np.full(len(z), np.inf), np.zeros(len(z), int)
        reach = int(np.abs(steps).max(initial=0))
        mesh, left = max(COARSEST_MESH, 2 * reach + 2), np.arange(len(z))
        while len(left):
            if mesh**dim > LARGEST_POINT_COUNT:
                raise InputError(
                    f"Argument `z` must lie farther from the levels: {mesh // 2} points per "
                    f"direction leave an error of {error[left].max():.1e} at "
                    f"{complex(np.asarray(z)[left[-1]]):.2g} eV. Raise the temperature or "
                    "`accuracy`, or give `mesh`."
                )
            fine, coarse = _sum(model, mesh, z[left], steps)
            blocks[left], error[left], meshes[left] = fine, _mesh_error(fine, coarse), mesh
            scale = np.abs(blocks[left]).max(axis=(1, 2, 3))
            left = left[error[left] > self.accuracy * scale]
            mesh *= 2
        return jnp.asarray(blocks), jnp.asarray(error), meshes


def _check_homogeneous(model: HoppingModel) -> None:
    if model.local:
        raise InputError(
            "Argument `model` must be the same in every cell of an infinite lattice, but it has "
            "local blocks. Use FiniteLattice."
        )


@eqx.filter_jit
def _sum_distinct(model, mesh, z, steps):
    return mesh_blocks(model.matrices(), model.cells, mesh, z, np.array(steps, int))


def _sum(model, mesh, z, steps):
    """Blocks for all pairs; equal cell distances are computed once."""
    distinct, inverse = np.unique(steps, axis=0, return_inverse=True)
    fine, coarse = _sum_distinct(model, mesh, z, tuple(map(tuple, distinct.tolist())))
    return fine[:, inverse.ravel()], coarse[:, inverse.ravel()]


def _mesh_error(fine, coarse) -> Float[Array, " energy"]:
    """Error of the fine mesh: its images lie twice as far away as those of the coarse one.

    With a difference delta of the meshes, relative to G, the error is about delta^2; it is taken
    as min(delta, 10 delta^2) and a rounding error.
    """
    axes = (1, 2, 3)
    scale = jnp.abs(fine).max(axis=axes)
    delta = jnp.abs(fine - coarse).max(axis=axes) / scale
    return scale * (jnp.minimum(delta, 10 * delta**2) + 1e-14)


def _pick(cells, model, steps, start, end):
    """Cut the blocks between two atoms out of those between two cells."""
    size = model.blocks.shape[-1]
    atoms = model.lattice.atoms
    split = cells.reshape(*cells.shape[:2], atoms, size, atoms, size)
    row = np.arange(len(steps))
    return jnp.moveaxis(split[:, row, start, :, end, :], 0, 1)
