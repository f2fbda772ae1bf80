"""The polynomials of unit vectors that a generalised spin model is made of.

Every form maps a parameter and a list of spins to a number. A spin is a tuple of its three
Cartesian components, arrays of any common shape: the same code serves one cluster, a batch of
configurations and all cells of a lattice, and compiles to a single loop over the data.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msgreen._typing import Array

Values = Array | np.ndarray | float
Spin = tuple[Values, Values, Values] | Array | np.ndarray
Form = Callable[[Any, Sequence[Spin]], Any]


def dot(a: Spin, b: Spin) -> Values:
    """Return a . b."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def triple(a: Spin, b: Spin, c: Spin) -> Values:
    """Return a . (b x c)."""
    return (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        + a[1] * (b[2] * c[0] - b[0] * c[2])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
    )


def zeeman(value: Spin, spins: Sequence[Spin]) -> Values:
    """Return -b . S."""
    return -dot(value, spins[0])


def bond_field(value: Spin, spins: Sequence[Spin]) -> Values:
    """Return -(S_1 . S_2) (b . S_3)."""
    return -isotropic(dot(value, spins[-1]), spins[:-1])


def isotropic(value: Values, spins: Sequence[Spin]) -> Values:
    """Return v (S_1 . S_2) (S_3 . S_4) ..."""
    for a, b in zip(spins[::2], spins[1::2], strict=True):
        value = value * dot(a, b)
    return value


def chiral(value: Spin, spins: Sequence[Spin]) -> Values:
    """Return v . (S_1 x S_2) (S_3 . S_4) ..."""
    return isotropic(triple(value, spins[0], spins[1]), spins[2:])


def chiral_chiral(value: Values, spins: Sequence[Spin]) -> Values:
    """Return ``v [S_1 . (S_2 x S_3)] [S_4 . (S_5 x S_6)]``."""
    return value * triple(*spins[:3]) * triple(*spins[3:])


def scalar_chirality(value: Values, spins: Sequence[Spin]) -> Values:
    """Return ``v S_1 . (S_2 x S_3)``."""
    return value * triple(*spins)


def spin_chiral(value: Spin, spins: Sequence[Spin]) -> Values:
    """Return ``(v . S_1) [S_2 . (S_3 x S_4)]``."""
    return dot(value, spins[0]) * triple(*spins[1:])


def tensor(value: Array | np.ndarray, spins: Sequence[Spin]) -> Values:
    """Return the full contraction of a Cartesian tensor, one axis per spin.

    Axes of the tensor after those are axes of the spins.
    """
    missing = len(spins) + jnp.ndim(spins[0][0]) - jnp.ndim(value)
    value = jnp.reshape(value, (*jnp.shape(value), *(1,) * missing))
    for axis in reversed(range(len(spins))):
        value = jnp.sum(value * jnp.stack(spins[axis]), axis=axis)
    return value


def slot_gradient(form: Form, value: Values | Spin, spins: Sequence[Spin], slot: int) -> Spin:
    """Return the derivative of a form with respect to the spin of one slot."""

    def of_slot(spin):
        return form(value, [*spins[:slot], spin, *spins[slot + 1 :]])

    result, pullback = jax.vjp(of_slot, spins[slot])
    return pullback(jnp.ones_like(result))[0]


class SpinClass(NamedTuple):
    """A class of terms of the spin model.

    Attributes
    ----------
    form : callable
    slots : str
        One letter per spin of the polynomial; equal letters are the same site, so "abbc" names
        three sites of which the second occurs twice.
    shape : tuple of int
        Shape of the parameter of one cluster.
    symbol : str
        Short name in tables.
    distinct : bool
        Whether the sites must differ.
    """

    form: Form
    slots: str
    shape: tuple[int, ...]
    symbol: str
    distinct: bool = True

    @property
    def order(self) -> int:
        """Number of spins."""
        return len(self.slots)

    @property
    def site_count(self) -> int:
        """Number of sites that name a cluster."""
        return len(set(self.slots))


CLASSES: Mapping[str, SpinClass] = MappingProxyType(
    {
        "field": SpinClass(zeeman, "a", (3,), "b"),
        "anisotropy": SpinClass(tensor, "aa", (3, 3), "K"),
        "exchange": SpinClass(isotropic, "ab", (), "J"),
        "dzyaloshinskii_moriya": SpinClass(chiral, "ab", (3,), "D"),
        "anisotropic_exchange": SpinClass(tensor, "ab", (3, 3), "dJ"),
        "biquadratic": SpinClass(isotropic, "abab", (), "B"),
        "chiral_biquadratic": SpinClass(chiral, "abab", (3,), "C"),
        "three_site": SpinClass(isotropic, "abbc", (), "B3"),
        "chiral_three_site": SpinClass(chiral, "abbc", (3,), "C3"),
        "four_site": SpinClass(isotropic, "abcd", (), "B4"),
        "chiral_four_site": SpinClass(chiral, "abcd", (3,), "C4"),
        "two_site_field": SpinClass(bond_field, "abb", (3,), "b2"),
        "three_site_field": SpinClass(bond_field, "abc", (3,), "b3"),
        "scalar_chirality": SpinClass(scalar_chirality, "abc", (), "X3"),
        "spin_chiral": SpinClass(spin_chiral, "abcd", (3,), "CX"),
        "six_spin": SpinClass(isotropic, "abcdef", (), "B6", distinct=False),
        "chiral_six_spin": SpinClass(chiral, "abcdef", (3,), "C6", distinct=False),
        "chiral_chiral": SpinClass(chiral_chiral, "abcdef", (), "X6", distinct=False),
        "tensor2": SpinClass(tensor, "ab", (3,) * 2, "T2", distinct=False),
        "tensor3": SpinClass(tensor, "abc", (3,) * 3, "T3", distinct=False),
        "tensor4": SpinClass(tensor, "abcd", (3,) * 4, "T4", distinct=False),
        "tensor6": SpinClass(tensor, "abcdef", (3,) * 6, "T6", distinct=False),
    }
)
"""All classes by name: those of paper B, Eqs. 1-16 in its order, then others and full tensors.

Odd numbers of spins exist where time reversal is broken: by a field, or in the surroundings of an
ordered magnet. A moment of the surroundings that does not turn leaves of the products of two dot
products the fields of one, two and three sites.
"""
