"""Damaged files of spin models: readers raise the errors of msgreen, or return a finite model."""

import random
import warnings

import numpy as np
import pytest

from msgreen.errors import MsgreenError
from msgreen.io.spin_programs import (
    export,
    read_json,
    read_magnopy,
    read_spirit,
    read_tb2j,
    read_uppasd,
    read_vampire,
)
from msgreen.lattice import Lattice
from msgreen.spinmodel import SpinModel, Term

MUTANTS = 80

TB2J = """\
Cell (Angstrom):
 3.000 0.000 0.000
 0.000 3.000 0.000
 0.000 0.000 3.000
Atoms:
Atom_number x y z w_charge M(x) M(y) M(z)
Fe1 0.0000 0.0000 0.0000 8.0000 0.0000 0.0000 2.0000
Total 8.0000 0.0000 0.0000 2.0000
Single Ion Anisotropy (meV):
Fe1 0.2000 ( 0.0000, 0.0000, 1.0000)
Exchange:
    i j R J_iso(meV) vector distance(A)
   Fe1 Fe1 ( 1, 0, 0) 5.0000 ( 3.000, 0.000, 0.000) 3.000
J_iso: 5.0000
[Testing!] DMI: ( 0.1000 0.0000 -0.0000)
[Testing!]J_ani:
[[ 0.01 0. 0. ]
 [ 0. 0. 0. ]
 [ 0. 0. 0. ]]
   Fe1 Fe1 ( -1, 0, 0) 5.0000 ( -3.000, 0.000, 0.000) 3.000
J_iso: 5.0000
[Testing!] DMI: ( -0.1000 0.0000 -0.0000)
[Testing!]J_ani:
[[ 0.01 0. 0. ]
 [ 0. 0. 0. ]
 [ 0. 0. 0. ]]
"""

WORDS = (
    *("nan", "inf", "-1", "0", "1e9", "1e30", "1e400", "-1e-400", "0.5", "99999999999999999999"),
    *(
        "x",
        "'",
        '"',
        ",",
        ",,",
        "/",
        "3*",
        "*",
        "999999999*0",
        "[",
        "]",
        "{",
        "}",
        "null",
        "-",
        "(",
    ),
    *("true", "1_0", "é", "\x00", "\x85", "\ufeff", "=", "!", "#", ":", "()", "Matrix", "cell"),
)


def mutants(text, seed):
    """Yield damaged versions: words, lines and characters changed, lost, doubled or exchanged."""
    rng = random.Random(seed)
    for _ in range(MUTANTS):
        lines = text.split("\n")
        for _ in range(rng.choice((1, 1, 2, 4))):
            n = rng.randrange(len(lines))
            words = lines[n].split(" ")
            k = rng.randrange(len(words))
            kind = rng.randrange(8)
            if kind < 3:
                words[k] = rng.choice(WORDS)
                lines[n] = " ".join(words)
            elif kind == 3:
                lines[n] = " ".join(words[:k])
            elif kind == 4:
                lines = lines[: n + 1]
            elif kind == 5:
                lines.insert(n, rng.choice(lines))
            elif kind == 6:
                del lines[n]
                lines = lines or [""]
            else:
                place = rng.randrange(len(lines[n]) + 1)
                lines[n] = lines[n][:place] + rng.choice(WORDS) + lines[n][place + 1 :]
        yield "\n".join(lines).encode("utf-8" if rng.random() < 0.8 else "latin-1", "replace")


def model():
    along = [[[0, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 1, 0]]]
    sites = [[0, 1], [0, 1]]
    return SpinModel(
        [
            Term("exchange", sites, [-0.010, 0.003], along),
            Term("dzyaloshinskii_moriya", sites, [[0, 0, 0.004], [0, 1e-3, 0]], along),
            Term("biquadratic", sites, [1e-3, 1e-3], along),
            Term("anisotropy", [[0]], [np.diag([0, 0, -1e-3])], [[[0, 0, 0]]]),
        ],
        lattice=Lattice(3 * np.eye(3), [[0, 0, 0], [1.5, 1.5, 1.5]]),
    )


SOURCES = [
    ("spirit", "input.cfg", "input.cfg", read_spirit),
    *(("uppasd", name, ".", read_uppasd) for name in ("inpsd.dat", "jfile", "kfile", "posfile")),
    ("uppasd", "dmfile", ".", read_uppasd),
    ("vampire", "vampire.ucf", "vampire.ucf", read_vampire),
    ("vampire", "vampire.mat", "vampire.ucf", read_vampire),
    ("magnopy", "grogu.txt", "grogu.txt", read_magnopy),
    ("json", "model.json", "model.json", read_json),
    ("tb2j", "exchange.out", "exchange.out", read_tb2j),
]


@pytest.mark.parametrize(("program", "name", "target", "reader"), SOURCES)
def test_damaged_files(program, name, target, reader, tmp_path):
    if program == "tb2j":
        (tmp_path / name).write_text(TB2J)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            export(model(), tmp_path, program)
    text = (tmp_path / name).read_text()
    reader(tmp_path / target)
    refused = 0
    for number, content in enumerate(mutants(text, name)):
        (tmp_path / name).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = reader(tmp_path / target)
            except MsgreenError as error:
                refused += 1
                assert str(tmp_path) in str(error), error
                continue
            except Exception as error:
                raise AssertionError(f"mutant {number}: {content[:2000]!r}") from error
        assert all(np.all(np.isfinite(np.asarray(term.values))) for term in found.terms)
    assert refused > MUTANTS // 10


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "[]", "1", '"a"', "{}", '{"format": 1, "version": []}', "1" * 5000, "nul"],
)
def test_deep_and_foreign_json(text, tmp_path):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(MsgreenError, match=r"model\.json"):
        read_json(tmp_path / "model.json")
