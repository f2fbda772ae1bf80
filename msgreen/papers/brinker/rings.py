"""Regular triangles and squares of equal atoms on a surface: models and rotational states.

Atoms are numbered anticlockwise from the lower left, so that the bond 1-2 lies along x; sites count
from 0. The mirror planes of C3v and C4v are vertical, one of them perpendicular to that bond.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Float
from msgreen.errors import InputError
from msgreen.spinmodel.model import SpinModel
from msgreen.spinmodel.states.named import cone
from msgreen.spinmodel.symmetry.groups import point_group
from msgreen.spinmodel.symmetry.invariance import complete
from msgreen.spinmodel.symmetry.operations import cluster_symmetry
from msgreen.spinmodel.terms import Term


class RingParameters(NamedTuple):
    """Reference interactions of a ring in eV, counted as in paper B.

    The first axis numbers the kinds of clusters: for a triangle there is one of each, for a square
    first those of edges, then those with diagonals. Sites are those of the ring, from 1.

    Attributes
    ----------
    J, B : real arrays, shape (1 or 2,)
        Exchange and biquadratic interaction of the bond 1-2 and of the diagonal 1-3.
    D, C : real arrays, shape (1 or 2, 3)
        Dzyaloshinskii-Moriya and chiral biquadratic vectors of the same bonds.
    B3 : real array, shape (1 or 2,)
        Three-site interaction of 1-2-3 (two edges) and 1-2-4 (edge and diagonal).
    C3 : real array, shape (1 or 3, 3)
        Chiral three-site vectors of 1-2-3, 1-2-4 (cross product on an edge, dot product on a
        diagonal) and 1-3-2 (cross product on a diagonal).
    B4 : real array, shape (0 or 2,)
        Four-site interaction of 12-34 and 13-24.
    C4 : real array, shape (0 or 2, 3)
        Chiral four-site vectors of 12-34 and 13-24.
    K : real array, shape (3, 3)
        On-site anisotropy of atom 3.
    dJ : real array, shape (1 or 2, 3, 3)
        Symmetric anisotropic exchange of 1-2 and 1-3.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Sects. II and III.
    """

    J: Float[Array, "pair"]
    D: Float[Array, "pair 3"]
    B: Float[Array, "pair"]
    C: Float[Array, "pair 3"]
    B3: Float[Array, "triple"]
    C3: Float[Array, "chiral_triple 3"]
    B4: Float[Array, "quadruple"]
    C4: Float[Array, "quadruple 3"]
    K: Float[Array, "3 3"]
    dJ: Float[Array, "pair 3 3"]

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return 3 if len(self.J) == 1 else 4

    def only(self, *names: str) -> "RingParameters":
        """Return the parameters with all but the named ones zero."""
        unknown = set(names) - set(self._fields)
        if unknown:
            raise InputError(
                f"Argument `names` must be among {', '.join(self._fields)}, but it holds "
                f"{', '.join(sorted(unknown))}."
            )
        zero = {n: jnp.zeros_like(v) for n, v in self._asdict().items() if n not in names}
        return self._replace(**zero)


class _Kind(NamedTuple):
    """How one parameter enters the model: class, reference sites, weight of one cluster."""

    name: str
    sites: tuple[tuple[int, ...], ...]
    weight: float = 1.0


_PAIRS = ((0, 1), (0, 2))
_QUADRUPLES = ((0, 1, 2, 3), (0, 2, 1, 3))

# B sums over ordered clusters with a prefactor that counts each isotropic one once: 1/2 of pairs
# and of triples (i-j-k is k-j-i), 1/8 of quadruples. A chiral triple occurs once in the sum, a
# chiral quadruple four times.
_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "J": _Kind("exchange", _PAIRS),
        "D": _Kind("dzyaloshinskii_moriya", _PAIRS),
        "B": _Kind("biquadratic", _PAIRS),
        "C": _Kind("chiral_biquadratic", _PAIRS),
        "B3": _Kind("three_site", ((0, 1, 2), (0, 1, 3)), 2 / 2),
        "C3": _Kind("chiral_three_site", ((0, 1, 2), (0, 1, 3), (0, 2, 1)), 1 / 2),
        "B4": _Kind("four_site", _QUADRUPLES, 8 / 8),
        "C4": _Kind("chiral_four_site", _QUADRUPLES, 4 / 8),
        "K": _Kind("anisotropy", ((2,),)),
        "dJ": _Kind("anisotropic_exchange", _PAIRS),
    }
)


def ring_positions(count: int, distance: float = 1.0) -> Float[np.ndarray, "site 2"]:
    """Return the corners of a regular polygon about the origin.

    Parameters
    ----------
    count : int
        Number of atoms.
    distance : float
        Between neighbours in angstrom.
    """
    angle = _outward(count) + 2 * np.pi / count * np.arange(count)
    radius = distance / (2 * np.sin(np.pi / count))
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _outward(count: int) -> float:
    """Azimuth of the first atom."""
    return 1.5 * np.pi - np.pi / count


def ring_model(
    parameters: RingParameters, *, distance: float = 1.0, anisotropy: bool = True
) -> SpinModel:
    """Return the spin model of a ring: all images of the reference interactions under C3v or C4v.

    Parameters
    ----------
    parameters : RingParameters
    distance : float
        Between neighbours in angstrom, for the positions of the model.
    anisotropy : bool
        Whether K and dJ are included.

    Raises
    ------
    InputError
        If a reference interaction is not invariant under the operations that keep its sites.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Eqs. 1-32.
    """
    count = parameters.atoms
    positions = ring_positions(count, distance)
    symmetry = cluster_symmetry(positions, point_group(f"C{count}v"))
    terms = []
    for name, kind in _KINDS.items():
        values = jnp.asarray(getattr(parameters, name), float)
        values = values[None] if name == "K" else values
        if len(values) and (anisotropy or name not in ("K", "dJ")):
            reference = Term(kind.name, kind.sites[: len(values)], kind.weight * values)
            terms.append(complete(reference, symmetry))
    return SpinModel(terms, positions=positions)


def ring_states(
    count: int,
    angle: Float[ArrayLike, "*batch"],
    phase: ArrayLike = 0.0,
    *,
    chirality: int = 1,
    up_down: bool = False,
) -> Float[Array, "*batch site 3"]:
    """Return the rotational states of a ring: a cone about z that opens by an angle.

    Parameters
    ----------
    count : int
        Number of atoms.
    angle : real array
        Polar angle of the spins in radians.
    phase : real array
        Azimuth of the first spin in radians, counted from the direction that points from the
        centre to its atom.
    chirality : int
        +1 if the spins turn anticlockwise along the ring, like the positions: at phase 0 all point
        outward. -1 if they turn clockwise.
    up_down : bool
        Reverse the z components of atoms 2 and 4: the family about up-down-up-down.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Eq. 37.
    """
    _require_even(count, up_down)
    angle, phase = (jnp.asarray(a, float)[..., None] for a in (angle, phase))
    turn = _outward(count) + chirality * 2 * np.pi / count * np.arange(count)
    states = cone(angle, phase + turn)
    return states * jnp.asarray(_z_signs(count)) if up_down else states


def _require_even(count: int, up_down: bool) -> None:
    if up_down and count % 2:
        raise InputError(
            f"Argument `up_down` must be False for a ring of {count} atoms, but it is True. "
            "Signs alternate around an even ring only."
        )


def _z_signs(count: int) -> np.ndarray:
    signs = np.ones((count, 3))
    signs[1::2, 2] = -1
    return signs


class EffectivePairs(NamedTuple):
    """Two-spin interactions that give the energy of a rotational state.

    Attributes
    ----------
    J : real array, shape (..., pair)
    D : real array, shape (..., pair, 3)
        In eV, of the bonds 1-2 and 1-3.
    cosine : real array, shape (..., pair)
        Of the angles between the spins of these bonds.
    """

    J: Float[Array, "*batch pair"]
    D: Float[Array, "*batch pair 3"]
    cosine: Float[Array, "*batch pair"]


def effective_interactions(
    parameters: RingParameters, angle: Float[ArrayLike, "*batch"], *, up_down: bool = False
) -> EffectivePairs:
    """Return the effective exchange and Dzyaloshinskii-Moriya vectors in a rotational state.

    The four-spin interactions add to those of two spins, multiplied by the cosine of the second
    pair: for a triangle J + (B + B3) c and D + (C + C3) c, of C3 only what mirrors leave.

    Parameters
    ----------
    parameters : RingParameters
    angle : real array
        Polar angle of the spins in radians.
    up_down : bool
        See `ring_states`.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Eqs. 38 and 43.
    """
    _require_even(parameters.atoms, up_down)
    p = RingParameters(*(jnp.asarray(value, float) for value in parameters))
    cosine = _cosines(p.atoms, angle, up_down)
    J = p.J + p.B * cosine
    D = p.D + p.C * cosine[..., None]
    edge = cosine[..., :1]
    moriya = p.C3.at[..., 0].set(0.0)
    if p.atoms == 3:
        return EffectivePairs(J + p.B3 * cosine, D + moriya[:1] * edge[..., None], cosine)
    diagonal = cosine[..., 1:]
    J = J + p.B4 / 2 * cosine
    J = J + jnp.concatenate([p.B3[0] * edge + p.B3[1] * diagonal, 2 * p.B3[1] * edge], axis=-1)
    across = jnp.array([1.0, -1.0, 0.0])
    crossed = (p.C3[2] @ across) * across * edge
    mixed = moriya[0] * edge + moriya[1] * diagonal
    D = D + p.C4 / 2 * cosine[..., None] + jnp.stack([mixed, crossed], axis=-2)
    return EffectivePairs(J, D, cosine)


def _cosines(count: int, angle, up_down: bool) -> Array:
    """Cosines of the angles between neighbours, and across the diagonal of a square."""
    sine2 = jnp.sin(jnp.asarray(angle, float)) ** 2
    steps = 2 * np.pi / count * np.arange(1, count // 2 + 1)
    signs = np.array([-1.0, 1.0])[: len(steps)] if up_down else np.ones(len(steps))
    return jnp.asarray(signs) * (1 - sine2)[..., None] + sine2[..., None] * jnp.cos(
        jnp.asarray(steps)
    )


class RingEnergy(NamedTuple):
    """Energy per atom of a rotational state, without anisotropy, in eV.

    Attributes
    ----------
    isotropic, out_of_plane, in_plane : real arrays
        From the scalar interactions, and from the components of the chiral vectors along z and in
        the plane of the ring.
    """

    isotropic: Float[Array, "..."]
    out_of_plane: Float[Array, "..."]
    in_plane: Float[Array, "..."]

    @property
    def total(self) -> Float[Array, "..."]:
        """Sum of the three."""
        return self.isotropic + self.out_of_plane + self.in_plane


def ring_energy(
    parameters: RingParameters,
    angle: Float[ArrayLike, "*batch"],
    phase: ArrayLike = 0.0,
    *,
    chirality: int = 1,
    up_down: bool = False,
) -> RingEnergy:
    """Return the energy per atom of a rotational state in closed form.

    Parameters
    ----------
    parameters : RingParameters
    angle, phase, chirality, up_down
        See `ring_states`.

    Notes
    -----
    The components in the plane act only where the spins turn like the bonds: for chirality +1, or
    -1 in the up-down family.

    References
    ----------
    Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020), Eqs. 38-40 and 43-46.
    """
    _checks.finite("angle", angle)
    angle, phase = jnp.asarray(angle, float), jnp.asarray(phase, float)
    count, found = parameters.atoms, effective_interactions(parameters, angle, up_down=up_down)
    bonds = np.array([1.0, 0.5])[: len(parameters.J)]
    isotropic = jnp.sum(bonds * found.J * found.cosine, axis=-1)
    turn = chirality * np.sin(2 * np.pi / count)
    out_of_plane = turn * jnp.sin(angle) ** 2 * found.D[..., 0, 2]
    edge = (-1.0 if up_down else 1.0) * 2 * np.sin(np.pi / count) * found.D[..., 0, 1]
    # Per atom, half of (S_1 x S_3) . D = -2 sin cos cos(phase) sqrt(2) D^x.
    across = -np.sqrt(2) * found.D[..., 1, 0] if count == 4 else 0.0
    acts = chirality == (-1 if up_down else 1)
    in_plane = float(acts) * jnp.sin(2 * angle) / 2 * jnp.cos(phase) * (edge + across)
    return RingEnergy(isotropic, out_of_plane, in_plane)
