"""Array types, and the names of all axes: one vocabulary for every signature.

`Float[Array, "site 3"]` is an array of JAX that is used as it is. `Float[ArrayLike, "site 3"]` is
what a function makes one of: an array, a number or nested sequences of numbers, of floats or of
what becomes floats without loss; `Complex[ArrayLike, ...]` takes real numbers as well.

Axes::

    dim                      Of the lattice or of what a cluster lives in: its dimension.
    space                    Of Cartesian components, where they may outnumber `dim`.
    site, atom, place        Magnetic sites; atoms of a cell or structure; places to look at.
    cell, box, n1, n2, n3    Cells in a list; cells of a box, by its directions.
    m1, m2, m3               Cells of another box.
    hop, bond, difference    Lattice vectors of a Hamiltonian; bonds; lattice vectors asked for.
    k, wave, corner          Wave vectors; those of a superposition; of a path.
    coset                    Meshes that make a finer one.
    orb, spinorb             Orbitals of a site; with spin, whose index is the slow one.
    function                 Wannier functions of a cell, spin included.
    size, row, column        Of any other matrix or table: both sides; rows; columns.
    sector, spin             Spins that do not mix.
    energy, end              Energies; ends of what a contour leaves free of levels.
    pair, loop, cluster, set Sites that interact, one row for each.
    order, leg, power        Sites of a loop; its legs; powers of the vector part of G.
    first, second            Directions of the two spins of a pair.
    config, batch, grid      Configurations of spins; any batch; a grid of parameters.
    direction, angle, choice Directions, angles, directions to choose from.
    harmonic, degree         Spherical harmonics; their degrees.
    operation, sense         Of a symmetry; itself and reversal of time.
    moment                   Derivatives at a reference.
    channel                  Of a pair potential.
    component, coefficient   Independent parameters of a tensor; named coefficients.
    key, entry               Clusters told apart by their sites; entries of a sparse matrix.
    letter, word             Factors and products of expansions to all orders.
    branch, mode, level      Of phonons, of curvatures, of energies.
    replica, sublattice      Of a simulation.
    sample, record, visit    In time: measured, written, made.
    image, point, minimum    Of a path of states; of a mesh or table; of a search.
    triangle                 Three sites of a plane.
    step                     Lattice vectors of a loop.
    state, total             Of a pair of spins: basis of a block; its projection.
    temperature, target      Temperatures of a simulation, and others.
    distance                 Distances of a scan.
    exchange, alpha          Parameters of maps of a pair.
    singlet, triplet         Amplitudes of a pair potential.
    triple, chiral_triple, quadruple   Of rings.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jaxtyping
from jaxtyping import Array

ArrayLike = jaxtyping.ArrayLike | Sequence

if TYPE_CHECKING:
    from jaxtyping import Bool, Complex, Float, Int, Num
else:

    class _Kind:
        """Arrays of one kind of numbers; an `ArrayLike` is anything that becomes one of them."""

        def __init__(self, kind, taken):
            self.kind, self.taken = kind, taken

        def __getitem__(self, item):
            array, axes = item
            if array != ArrayLike:
                return self.kind[array, axes]
            known = self.taken[jaxtyping.ArrayLike, axes]
            return known | Sequence if axes.strip() else known

    Bool = _Kind(jaxtyping.Bool, jaxtyping.Bool)
    Int = _Kind(jaxtyping.Int, jaxtyping.Integer)
    Float = _Kind(jaxtyping.Float, jaxtyping.Real)
    Complex = _Kind(jaxtyping.Complex, jaxtyping.Num)
    Num = _Kind(jaxtyping.Num, jaxtyping.Num)

if TYPE_CHECKING:
    Scalar = float | Array
else:
    Scalar = Float[ArrayLike, ""]
"""A real number, or an array without axes, such as what JAX traces of one."""

Sites = Num[ArrayLike, "site ..."]
"""One row per site, as the host names its sites."""

Pairs = Int[ArrayLike, "pair 2"]
"""Row numbers of sites."""

Energies = Complex[ArrayLike, " energy"]
"""In eV, in the closed upper half plane."""

Vectors = Float[ArrayLike, "site 3"]
"""A vector per site."""

Spins = Float[ArrayLike, "*config site 3"]
"""A vector per spin, of one configuration or of many."""

__all__ = [
    "Array",
    "ArrayLike",
    "Bool",
    "Complex",
    "Energies",
    "Float",
    "Int",
    "Num",
    "Pairs",
    "Scalar",
    "Sites",
    "Spins",
    "Vectors",
]
