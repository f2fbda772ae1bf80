"""Loops of a lattice: known numbers of iron, and every loop of a torus found by brute force."""

from itertools import combinations, permutations

import numpy as np
import pytest

from msgreen.clusters import closed_paths, neighbour_table, pairs
from msgreen.errors import InputError
from msgreen.lattice import Lattice, count_loops, lattice_contracted_loops, lattice_loops

IRON = Lattice(np.array([[1, 1, 1], [-1, 1, 1], [-1, -1, 1]]) / 2)
SHELLS = [shell.distance for shell in IRON.shells(4)]
SKEW = Lattice([[1.0, 0.1], [-0.3, 1.1]], [[0.0, 0.0], [0.45, 0.5]])


def test_numbers_of_iron():
    """Published for growing cutoffs; six sites for nearest neighbours."""
    known = {2: [4, 7, 13, 25], 4: [12, 63, 480, 4200]}
    for order, expected in known.items():
        assert [len(lattice_loops(IRON, order, cutoff)) for cutoff in SHELLS] == expected
        assert [count_loops(IRON, order, cutoff) for cutoff in SHELLS] == [
            (n, True) for n in expected
        ]
    chains = [len(lattice_contracted_loops(IRON, "three_site", cutoff)) for cutoff in SHELLS]
    assert chains == [28, 91, 325, 1225]
    assert len(lattice_contracted_loops(IRON, "biquadratic", SHELLS[1])) == 7
    assert len(lattice_loops(IRON, 6, SHELLS[0])) == 148
    assert count_loops(IRON, 6, SHELLS[0]) == (8000 // 12, False)


def loops_of_a_torus(lattice, size, order, cutoff):
    """All loops over distinct sites of size x size cells, by trying all of them."""
    cells = np.array(list(np.ndindex(size, size)))
    sites = [(*map(int, cell), atom) for cell in cells for atom in range(lattice.atoms)]

    def near(a, b):
        step = np.array(b[:2]) - np.array(a[:2])
        step = (step + size // 2) % size - size // 2
        start, end = lattice.basis[a[2]], lattice.basis[b[2]]
        return np.linalg.norm(step @ lattice.vectors + end - start) <= cutoff

    bonds = {(a, b) for a in sites for b in sites if a != b and near(a, b)}
    found = 0
    for some in combinations(sites, order):
        first, *rest = some
        for ring in permutations(rest):
            if order > 2 and ring[0] > ring[-1]:
                continue
            walk = (first, *ring)
            found += all((walk[n], walk[(n + 1) % order]) in bonds for n in range(order))
    return found


@pytest.mark.parametrize(("order", "size", "cutoff"), [(2, 5, 1.2), (3, 5, 1.2), (4, 4, 0.9)])
def test_every_loop_of_a_torus_is_the_translate_of_one(order, size, cutoff):
    """As many per cell; the torus is wider than the loops, so that none closes around it."""
    found = lattice_loops(SKEW, order, cutoff)
    assert loops_of_a_torus(SKEW, size, order, cutoff) == size**2 * len(found)
    assert count_loops(SKEW, order, cutoff) == (len(found), True)


def test_no_loop_is_listed_twice():
    found = lattice_loops(SKEW, 5, 1.1)
    assert len(found) <= count_loops(SKEW, 5, 1.1)[0]
    names = set()
    for loop in found.tolist():
        walks = [loop[m:] + loop[:m] for m in range(5)]
        walks += [walk[::-1] for walk in walks]
        shifted = [np.array(w) - np.array([*w[0][:2], 0]) for w in walks]
        names.add(min(tuple(map(tuple, w.tolist())) for w in shifted))
        assert loop[0][:2] == [0, 0] and loop[0][2] == min(site[2] for site in loop)
    assert len(names) == len(found) > 10


def test_some_atoms_and_some_directions():
    assert len(lattice_loops(SKEW, 2, 1.0, atoms=[1])) < len(lattice_loops(SKEW, 2, 1.0))
    chain = lattice_loops(SKEW, 4, 2.5, atoms=[0], along=[True, False])
    assert set(chain[..., 1].ravel().tolist()) == {0} and len(chain) > 0
    assert lattice_loops(SKEW, 4, 0.1).shape == (0, 4, 3)


def test_the_pieces():
    """Paths over a square close to one loop of four."""
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    table = neighbour_table(4, pairs(square, 1.1))
    assert [len(b) for b in closed_paths(square, table, 0, 4, np.inf)] == [1]


def test_too_many_are_refused_with_their_number():
    with pytest.raises(InputError, match="there are 6[0-9]+. Give a smaller one"):
        lattice_loops(IRON, 4, 4.0)
    with pytest.raises(InputError, match="there may be up to [0-9]+. Give a smaller one"):
        lattice_loops(IRON, 6, 2.3)
    with pytest.raises(InputError, match="at most 3000000 chains of three sites"):
        lattice_contracted_loops(IRON, "three_site", 8.0)
    with pytest.raises(InputError, match="sites to look through"):
        lattice_loops(IRON, 2, 100.0)
    with pytest.raises(InputError, match="`kind` must be"):
        lattice_contracted_loops(IRON, "four_site", 1.0)  # pyright: ignore
    with pytest.raises(InputError, match="`cutoff` must be greater than zero"):
        lattice_loops(IRON, 4, 0.0)
