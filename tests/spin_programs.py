"""Hamiltonians of other programs, evaluated with plain numpy from the text of their files.

Written from the documentation of the programs alone: nothing here uses msgreen. Spins have the
shape (n1, n2, n3, configuration, site, 3): closed boxes of cells, 1 along open directions.
"""

import re
from pathlib import Path

import numpy as np

EV_PER_JOULE = 1 / 1.602176634e-19
EV_PER_RYDBERG = 13.605693122990
EV_PER_TESLA = 5.7883817982e-5


def words(path: Path, comment: str = "#") -> list[list[str]]:
    lines = path.read_text().splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith(comment)]


def spin(spins, site, cell):
    """The spins of a site in the cell shifted by `cell`, for all cells of the box."""
    shift = tuple(-int(n) for n in cell)
    return np.roll(spins, shift, axis=(0, 1, 2))[..., int(site), :]


def dot(a, b):
    return np.sum(a * b, axis=-1)


def total(array):
    """The sum over the cells of every configuration."""
    return np.sum(array, axis=(0, 1, 2))


def section(rows, keyword):
    """The rows after `keyword N`: N of them, by the names of the columns."""
    for place, row in enumerate(rows):
        if row[0] == keyword:
            header = rows[place + 1]
            body = rows[place + 2 : place + 2 + int(row[1])]
            return [dict(zip(header, map(float, line), strict=True)) for line in body]
    return []


def spirit(path: Path, spins) -> np.ndarray:
    """Spirit's energies in eV."""
    rows = words(path)
    first = {row[0]: row[1:] for row in reversed(rows)}
    energy = np.zeros(spins.shape[3])
    here = (0, 0, 0)
    field = float(first["external_field_magnitude"][0]) * EV_PER_TESLA * 1e3
    normal = np.array(first["external_field_normal"], float)
    for site, moment in enumerate(map(float, first["mu_s"])):
        energy -= moment * field * total(spin(spins, site, here) @ normal)
    for r in section(rows, "n_anisotropy"):
        axis = np.array([r["Kx"], r["Ky"], r["Kz"]])
        axis = axis / np.linalg.norm(axis)
        energy -= r["K"] * total((spin(spins, r["i"], here) @ axis) ** 2)
    for r in section(rows, "n_interaction_pairs"):
        a, b = spin(spins, r["i"], here), spin(spins, r["j"], (r["da"], r["db"], r["dc"]))
        d = np.array([r["Dijx"], r["Dijy"], r["Dijz"]])
        energy -= r["Jij"] * total(dot(a, b)) + total(np.cross(a, b) @ d)
    for r in section(rows, "n_interaction_quadruplets"):
        a = spin(spins, r["i"], here)
        b, c, d = (spin(spins, r[x], [r[f"d{m}_{x}"] for m in "abc"]) for x in "jkl")
        energy -= r["Q"] * total(dot(a, b) * dot(c, d))
    return 1e-3 * energy


def neighbours(keys, positions, i, j, cell):
    """Where UppASD's neighbour map (setup_nm) finds the end of a bond with maptype 2.

    Atoms are moved into the cell (setup_globcoord); the bond is a vector between moved atoms, of
    which the end is folded into the cell and compared with all of them.
    """
    vectors = np.array(keys["cell"], float).reshape(3, 3)
    inverse = np.linalg.inv(vectors)
    inside = positions - np.floor(positions @ inverse + 1e-5) @ vectors
    end = inside[j] + np.array(cell) @ vectors
    folded = np.floor(end @ inverse + 5e-5)
    found = np.flatnonzero(np.sum((end - folded @ vectors - inside) ** 2, axis=1) < 0.01)
    assert len(found) == 1, f"the bond from {i} to {j} in {cell} leads nowhere"
    return found[0], folded


def uppasd(folder: Path, spins) -> np.ndarray:
    """UppASD's energy in eV; pairs and rings are listed from all their ends."""
    rows = words(folder / "inpsd.dat")
    keys = {row[0]: row[1:] for row in rows}
    place = next(n for n, row in enumerate(rows) if row[0] == "cell")
    keys["cell"] = [*rows[place][1:], *rows[place + 1], *rows[place + 2]]
    assert keys["Sym"] == ["0"] and keys["maptype"] == ["2"]
    nine = keys.get("do_jtensor") == ["1"] and keys.get("calc_jtensor") == ["F"]

    def table(keyword):
        if keyword not in keys:
            return []
        return [[float(w) for w in row] for row in words(folder / keys[keyword][0])]

    positions = np.array([row[2:5] for row in table("posfile")])

    def ends(i, j, cell):
        other, where = neighbours(keys, positions, int(i) - 1, int(j) - 1, cell)
        return spin(spins, i - 1, here), spin(spins, other, where)

    energy = np.zeros(spins.shape[3])
    here = (0, 0, 0)
    for i, j, *numbers in table("exchange"):
        a, b = ends(i, j, numbers[:3])
        values = np.array(numbers[3:])
        tensor = values.reshape(3, 3) if nine else values[0] * np.eye(3)
        energy -= total(np.einsum("...a,ab,...b", a, tensor, b))
    for i, j, *numbers in table("dm"):
        a, b = ends(i, j, numbers[:3])
        energy -= total(np.cross(a, b) @ np.array(numbers[3:]))
    for i, j, *numbers in table("bq"):
        a, b = ends(i, j, numbers[:3])
        energy -= numbers[3] * total(dot(a, b) ** 2)
    for row in table("ring"):
        assert row[:4] == [1, 1, 1, 1]
        a, j, k, m = (spin(spins, 0, c) for c in (here, row[4:7], row[7:10], row[10:13]))
        form = dot(a, j) * dot(k, m) + dot(a, m) * dot(j, k) - dot(a, k) * dot(j, m)
        energy += 0.5 * row[13] * total(form)
    for i, kind, k1, k2, *axis in table("anisotropy"):
        assert kind == 1 and k2 == 0
        energy += k1 * total((spin(spins, i - 1, here) @ np.array(axis[:3])) ** 2)
    energy *= 1e-3 * EV_PER_RYDBERG
    field = np.array(keys.get("hfield", [0, 0, 0]), float) * EV_PER_TESLA
    for i, _, moment, *_ in table("momfile"):
        energy -= moment * total(spin(spins, i - 1, here) @ field)
    return energy


def vampire(folder: Path, spins, field=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Vampire's energy in eV; the field (T) belongs to the input file."""
    rows = words(folder / "vampire.ucf")
    count = int(rows[4][0])
    place = 5 + count
    energy, here = np.zeros(spins.shape[3]), (0, 0, 0)
    for power in (1, 2):
        if place < len(rows):
            number, kind = int(rows[place][0]), rows[place][1]
            for row in rows[place + 1 : place + 1 + number]:
                _, i, j, *numbers = map(float, row)
                a, b = spin(spins, i, here), spin(spins, j, numbers[:3])
                values = np.array(numbers[3:])
                tensor = values.reshape(3, 3) if kind == "tensorial" else values * np.eye(3)
                if power == 1:
                    energy -= 0.5 * total(np.einsum("...a,ab,...b", a, tensor, b))
                else:
                    energy -= 0.5 * values[0] * total(dot(a, b) ** 2)
            place += 1 + number
    text = (folder / "vampire.mat").read_text()
    for n in range(count):

        def value(key, n=n):
            found = re.search(rf"^material\[{n + 1}\]:{key} = ([^!\n]*)", text, re.M)
            return None if found is None else np.array(found[1].split(","), float)

        axis = value("uniaxial-anisotropy-direction")
        if axis is not None:
            strength = value("second-order-uniaxial-anisotropy-constant")[0]
            energy -= strength * total((spin(spins, n, here) @ axis) ** 2)
        moment = value("atomic-spin-moment")[0]
        zeeman = moment * np.array(field) * EV_PER_TESLA / EV_PER_JOULE
        energy -= total(spin(spins, n, here) @ zeeman)
    return energy * EV_PER_JOULE


def matrix(text: str) -> np.ndarray:
    """A Julia literal [a b; c d], or [a, b]."""
    return np.array([[float(x) for x in row.replace(",", " ").split()] for row in text.split(";")])


def sunny(path: Path, spins) -> np.ndarray:
    """The energy in eV of the system that the Julia script builds, in space group 1."""
    text = path.read_text()
    assert "Crystal(latvecs, positions, 1; types)" in text and ":dipole_uncorrected" in text
    assert "Moment(s=1, g=-1)" in text
    energy, here = np.zeros(spins.shape[3]), (0, 0, 0)
    bond = r"set_exchange!\(sys, \[(.*?)\], Bond\((\d+), (\d+), \[(.*?)\]\)(?:; biquad=(.*?))?\)$"
    seen = set()
    for tensor, i, j, cell, quartic in re.findall(bond, text, re.M):
        named = (int(i), int(j), *map(int, cell.split(",")))
        back = (named[1], named[0], *(-n for n in named[2:]))
        assert named not in seen and back not in seen  # a second call replaces the first
        seen.add(named)
        a, b = spin(spins, named[0] - 1, here), spin(spins, named[1] - 1, named[2:])
        energy += total(np.einsum("...a,ab,...b", a, matrix(tensor), b))
        energy += float(quartic or 0.0) * total(dot(a, b) ** 2)
    onsite = r"let K = \[(.*?)\]; set_onsite_coupling!\(sys, S -> .*, (\d+)\); end$"
    for tensor, i in re.findall(onsite, text, re.M):
        a = spin(spins, int(i) - 1, here)
        energy += total(np.einsum("...a,ab,...b", a, matrix(tensor), a))
    fields = re.search(r"^fields = \[(.*)\]$", text, re.M)
    if fields:
        for site, vector in enumerate(re.findall(r"\[(.*?)\]", fields[1])):
            # Sunny: + B.(g S) with g = -1.
            energy -= total(spin(spins, site, here) @ matrix(vector)[0])
    return 1e-3 * energy


def grogu(path: Path, spins) -> np.ndarray:
    """The energy in eV of a text file of GROGU, whose convention must be the usual one."""
    rows = words(path)
    text = path.read_text()
    rules = (r"Double counting\s+true", r"Normalized spins\s+true", r"factor\s+\+1$", r"\+0.5$")
    assert all(re.search(rule, text, re.M) for rule in rules)
    names = {}
    place = rows.index(["Magnetic", "sites"])
    for n in range(int(rows[place + 1][3])):
        names[rows[place + 3 + n][0]] = n
    energy, here = np.zeros(spins.shape[3]), (0, 0, 0)
    for place, row in enumerate(rows):
        if row == ["Matrix"]:
            owner = rows[place - 1]
            tensor = np.array(rows[place + 1 : place + 4], float)
            a = spin(spins, names[owner[0]], here)
            if len(owner) == 1:
                energy += total(np.einsum("...a,ab,...b", a, tensor, a))
            else:
                b = spin(spins, names[owner[1]], map(int, owner[2:5]))
                energy += 0.5 * total(np.einsum("...a,ab,...b", a, tensor, b))
    return 1e-3 * energy


def tb2j(path: Path, spins) -> np.ndarray:
    """The energy in eV of an `exchange.out`, every pair from both ends with a minus sign."""
    text = path.read_text()
    energy = np.zeros(spins.shape[3])
    head = r"^ +M(\d+) +M(\d+) \( *(\S+), +(\S+), +(\S+)\) (\S+) "
    for block in text.split("-" * 90)[1:-1]:
        found = re.search(head, block, re.M)
        assert found
        i, j, *cell = (int(word) for word in found.groups()[:5])
        a, b = spin(spins, i - 1, (0, 0, 0)), spin(spins, j - 1, cell)
        vector = np.array(re.search(r"DMI: \((.*)\)", block)[1].split(), float)
        rows = re.sub(r"[\[\]]", " ", block.split("J_ani:")[1]).split()
        tensor = float(found[6]) * np.eye(3) + np.array(rows, float).reshape(3, 3)
        energy -= total(np.einsum("...a,ab,...b", a, tensor, b))
        energy -= total(np.einsum("a,...a", vector, np.cross(a, b)))
    return 1e-3 * energy
