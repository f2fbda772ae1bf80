"""Whole exchange tensors of a crystal from its moments along x, y and z, and its spin model."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from msgreen.convention import LOUNIS
from msgreen.errors import InputError
from msgreen.exchange.crystal.pairs import CrystalExchange
from msgreen.hosts.wannier import WannierHost
from msgreen.lattice import Lattice
from msgreen.spin.tensors import PairParts, pair_part_errors, pair_parts
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.convert import pair_terms
from msgreen.spinmodel.terms import Term

Along = TypeVar("Along", CrystalExchange, WannierHost)
"""What has moments along an axis."""


class CrystalTensors(NamedTuple):
    """Pair tensors K of a crystal, neutral: the sum over pairs of e_i.K_ij.e_j.

    Attributes
    ----------
    pairs : int array, shape (pair, 5)
        (i, j, R1, R2, R3), with every pair its reverse.
    distances : real array, shape (pair,)
        In angstrom.
    tensors, errors : real arrays, shape (pair, 3, 3)
        In eV.
    spread : real array, shape (pair,)
        Largest difference in eV between the two values that a diagonal entry has, one from either
        reference: how much the tensors depend on the state they were taken about.
    spin_orbit : bool
        Whether K is more than a multiple of the identity.
    """

    pairs: np.ndarray
    distances: np.ndarray
    tensors: np.ndarray
    errors: np.ndarray
    spread: np.ndarray
    spin_orbit: bool

    def parts(self) -> tuple[PairParts, PairParts]:
        """Return J, D and K of paper L's convention in eV, minus sign, pairs twice; and errors.

        References
        ----------
        Lounis, New J. Phys. 22, 103003 (2020), Eqs. 27-28.
        """
        factor = 1 / LOUNIS.factor(2, 2, np.full(len(self.pairs), 2))[:, None, None]
        return pair_parts(factor * self.tensors), pair_part_errors(np.abs(factor) * self.errors)


def collinear_tensors(found: CrystalExchange) -> CrystalTensors:
    """Return the tensors of a crystal without spin-orbit coupling, which are isotropic.

    Parameters
    ----------
    found : CrystalExchange
    """
    unit = np.eye(3)
    exchange, zero = found.exchange(), np.zeros(len(found.pairs))
    errors = found.errors[:, None, None] * unit
    return CrystalTensors(
        found.pairs, found.distances, exchange[:, None, None] * unit, errors, zero, False
    )


def by_axis(found: Sequence[Along]) -> list[Along]:
    """Return runs, or hosts, in the order of their axes x, y, z; InputError if one is missing."""
    axes = np.array([f.axis for f in found])
    order = np.argsort(-axes @ [4, 2, 1]) if axes.shape == (3, 3) else []
    if not np.array_equal(np.round(axes[order], 9), np.eye(3)):
        raise InputError(
            f"Argument `found` must hold moments along x, y and z, but the axes are "
            f"{axes.tolist()}. Add what is missing."
        )
    return [found[n] for n in order]


def whole_tensors(found: Sequence[CrystalExchange]) -> CrystalTensors:
    """Return whole tensors from runs with the moments along x, y and z.

    Every run gives the block across its moments: an entry between two axes comes from the third,
    a diagonal one from two runs, whose mean is taken.

    Parameters
    ----------
    found : sequence of 3 CrystalExchange
        Of the same pairs, with the axes x, y and z in any order.

    Raises
    ------
    InputError
        If an axis is missing, or the pairs differ.
    """
    found = by_axis(found)
    axes = np.eye(3)
    if any(not np.array_equal(f.pairs, found[0].pairs) for f in found):
        raise InputError("Argument `found` must hold runs of the same pairs, but they differ.")
    across = np.einsum("na,nb->nab", 1 - axes, 1 - axes)
    count = across.sum(axis=0)
    values = np.stack([f.tensors for f in found])
    errors = np.einsum("np,nab->pab", [f.errors for f in found], across) / count
    mean = values.sum(axis=0) / count
    diagonal = np.einsum("npaa,naa->npa", np.abs(values - mean), across)
    spread = 2 * diagonal.max(axis=(0, 2))
    return CrystalTensors(found[0].pairs, found[0].distances, mean, errors, spread, True)


def crystal_model(
    found: CrystalTensors, lattice: Lattice, symbols: Sequence[str] | None = None
) -> SpinModel:
    """Return the spin model of pairs of a crystal, each counted once per cell.

    Parameters
    ----------
    found : CrystalTensors
    lattice : Lattice
        Of the crystal. Atoms that are not magnetic stay in the model as sites without terms.
    symbols : sequence of str, optional
        Of the atoms.

    Returns
    -------
    SpinModel
        With "exchange", and with spin-orbit coupling also "dzyaloshinskii_moriya" and
        "anisotropic_exchange"; a pair and its reverse are averaged, as they must be equal.

    Raises
    ------
    InputError
        If a pair is there without its reverse.
    """
    place = {tuple(row): n for n, row in enumerate(found.pairs.tolist())}
    once, mean = [], []
    for n, (i, j, *cell) in enumerate(found.pairs.tolist()):
        back = place.get((j, i, *(-c for c in cell)))
        if back is None:
            raise InputError(
                "Argument `found` must hold the reverse of every pair, but it lacks that of "
                f"{found.pairs[n].tolist()}. Take the pairs of `crystal_pairs`."
            )
        if n <= back:
            once.append(n)
            mean.append((found.tensors[n] + found.tensors[back].T) / 2)
    rows = found.pairs[once]
    cells = np.stack([np.zeros((len(rows), 3), int), rows[:, 2:]], axis=1)
    errors = found.errors[once]
    if not found.spin_orbit:
        exchange = np.array(mean)[:, 0, 0]
        term = Term("exchange", rows[:, :2], exchange, cells, errors[:, 0, 0])
        return SpinModel([term], lattice=lattice, symbols=symbols)
    terms = pair_terms(rows[:, :2], cells, np.array(mean), errors)
    return SpinModel(terms, lattice=lattice, symbols=symbols)
