"""Damaged files of Wannier90: nothing but an error of msgreen, or numbers that are finite."""

import io
import random

import numpy as np
import pytest
import wannier_files as wf

from msgreen.errors import MsgreenError
from msgreen.io import wannier

MUTANTS = 120
CENTRES = wf.POSITIONS[wf.ATOM_OF]
HR = wf.hr_text(wf.random_hoppings())
WORDS = (b"nan", b"-inf", b"1e400", b"****", b"-1", b"0", b"9" * 30, b"", b"\xff", b"1.5", b"2 3")


def home_images(cell, m, n):
    return [(0, 0, 0)]


def archive():
    buffer = io.BytesIO()
    frac = wf.POSITIONS @ np.linalg.inv(wf.VECTORS)
    hoppings = wf.random_hoppings()
    np.savez(buffer, R=wf.CELLS, HR=hoppings, lattice=wf.VECTORS, frac=frac, efermi=0.0)
    return buffer.getvalue()


def read_images(file):
    hr = file.parent / "x_hr.dat"
    hr.write_text(HR)
    return wannier.spread(wannier.read_hr(hr), file)


FORMATS = {
    "y_hr.dat": (HR.encode(), wannier.read_hr),
    "y_tb.dat": (wf.tb_text(wf.random_hoppings(), CENTRES).encode(), wannier.read_tb),
    "y_wsvec.dat": (wf.wsvec_text(home_images, 3).encode(), read_images),
    "y.win": (wf.win_text("spinors = F").encode(), wannier.read_win),
    "y_centres.xyz": (wf.centres_text(CENTRES).encode(), wannier.read_centres),
    "y.npz": (archive(), wannier.read_archive),
}


def mutant(data: bytes, rng: random.Random) -> bytes:
    """One change: a byte, a word, a line, a piece that is lost or doubled, an early end."""
    start = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(200, len(data)))
    end = min(len(data), start + rng.randrange(1, 40))
    kind = rng.randrange(6)
    if kind == 0:
        return data[:start] + bytes([rng.randrange(256)]) + data[start + 1 :]
    if kind == 1:
        return data[:start] + b" " + rng.choice(WORDS) + b" " + data[end:]
    if kind == 2:
        return data[:start]
    if kind == 3:
        return data[:start] + data[end:]
    if kind == 4:
        return data[:end] + data[start:]
    lines = data.split(b"\n")
    words = lines[rng.randrange(min(12, len(lines)))].split()
    old = rng.choice(words) if words else b"\n"
    return data.replace(old, rng.choice(WORDS), 1)


def arrays(found):
    return [item for item in found if isinstance(item, np.ndarray)]


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_file(tmp_path, name):
    data, reader = FORMATS[name]
    file = tmp_path / name
    file.write_bytes(data)
    assert arrays(reader(file))
    rng = random.Random(name)
    refused = 0
    for _ in range(MUTANTS):
        file.write_bytes(mutant(data, rng))
        try:
            found = reader(file)
        except MsgreenError as error:
            refused += 1
            assert str(file.parent) in str(error) and " must " in str(error)
        else:
            assert all(np.all(np.isfinite(array)) for array in arrays(found))
    assert refused > MUTANTS // 8


def test_damaged_folder(tmp_path):
    """The checks across files meet nothing that they do not expect."""
    up, down = wf.two_spins()
    rng = random.Random(7)
    refused = 0
    for spin, matrices in (("up", up), ("down", down)):
        wf.write_run(tmp_path, f"x_{spin}", matrices)
    names = [f"x_{spin}{end}" for spin in ("up", "down") for end in (".win", "_centres.xyz")]
    for n in range(MUTANTS):
        file = tmp_path / names[n % len(names)]
        data = file.read_bytes()
        file.write_bytes(mutant(data, rng))
        try:
            wannier.read_folder(tmp_path)
        except MsgreenError as error:
            refused += 1
            assert " must " in str(error)
        file.write_bytes(data)
    assert 0 < refused < MUTANTS


def test_reasons_are_short(tmp_path):
    """Where names in an archive disagree, Python quotes both, however long they are."""
    data = archive()
    place = data.index(b"PK\x03\x04") + 26  # how long the name of the first file is
    (tmp_path / "y.npz").write_bytes(data[:place] + b"\x00\x03" + data[place + 2 :])
    with pytest.raises(MsgreenError, match="in directory") as caught:
        wannier.read_archive(tmp_path / "y.npz")
    assert len(str(caught.value)) < len(str(tmp_path)) + 400
