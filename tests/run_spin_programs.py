"""Exported files in the programs they are for: what Spirit, UppASD and Vampire say of their energy.

    python tests/run_spin_programs.py spirit PYTHON     # an interpreter with the package spirit
    python tests/run_spin_programs.py uppasd PROGRAM    # also: uppasd_one_atom
    python tests/run_spin_programs.py vampire PROGRAM

prints a case as it stands in `data/spin_program_runs.json`: spins, shape (configuration,
*BOX, site, 3), and energies in eV, the constant of the file left out. Spirit and UppASD are given
the spins; Vampire reads none and writes those that it draws.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from spin_programs import EV_PER_JOULE, EV_PER_RYDBERG

from msgreen.io import export
from msgreen.lattice import Lattice
from msgreen.spinmodel import CLASSES, SpinModel, Term

RUNS = Path(__file__).parent / "data" / "spin_program_runs.json"
BOX = (3, 4, 3)
TRICLINIC = Lattice(
    [[2.9, 0.3, 0.1], [0.5, 3.3, -0.2], [-0.4, 0.6, 4.1]], [[0.0, 0.0, 0.0], [1.1, 1.4, 2.0]]
)
ONE_ATOM = Lattice(TRICLINIC.vectors, [[0.0, 0.0, 0.0]])
RECTANGULAR = Lattice(np.diag([3.0, 4.0, 5.0]), [[0.0, 0.0, 0.0], [1.0, 1.5, 2.0]])

SPIRIT = (
    "exchange",
    "dzyaloshinskii_moriya",
    "anisotropy",
    "biquadratic",
    "three_site",
    "four_site",
)
PAIRS = ("exchange", "dzyaloshinskii_moriya", "anisotropic_exchange")
CASES = {
    "spirit": (TRICLINIC, SPIRIT),
    # With several atoms it takes neither biquadratic exchange nor rings.
    "uppasd": (TRICLINIC, (*PAIRS, "anisotropy")),
    "uppasd_one_atom": (ONE_ATOM, (*PAIRS, "anisotropy", "biquadratic", "four_site")),
    "vampire": (RECTANGULAR, (*PAIRS, "biquadratic")),
}


def model_of(case: str) -> SpinModel:
    """Couplings of some 10 meV between atoms of neighbouring cells."""
    lattice, names = CASES[case]
    rng = np.random.default_rng(11)
    terms = []
    for name in names:
        count, rows = CLASSES[name].site_count, []
        while len(rows) < 3:
            sites = rng.integers(lattice.atoms, size=count)
            cells = rng.integers(0, 2, size=(count, 3))  # longer bonds meet themselves in the box
            named = np.concatenate([sites[:, None], cells], axis=1)
            if len(np.unique(named, axis=0)) == count:
                rows.append(named)
        found = np.array(rows)
        values = 0.01 * rng.normal(size=(3, *CLASSES[name].shape))
        if values.ndim == 3:
            values = values + np.swapaxes(values, 1, 2)
            values -= np.trace(values, axis1=1, axis2=2)[:, None, None] * np.eye(3) / 3
        terms.append(Term(name, found[..., 0], values, found[..., 1:]))
    return SpinModel(terms, lattice=lattice)


def unit(spins) -> np.ndarray:
    spins = np.asarray(spins, float)
    return spins / np.linalg.norm(spins, axis=-1, keepdims=True)


def drawn(atoms: int) -> np.ndarray:
    spins = unit(np.random.default_rng(7).normal(size=(2, *BOX, atoms, 3)))
    return np.round(spins, 6)


def in_rows(spins) -> np.ndarray:
    """Spins as the programs count them: atoms of a cell first, then cells along x."""
    return unit(np.transpose(spins, (2, 1, 0, 3, 4)).reshape(-1, 3))


IN_SPIRIT = """
import json, sys
import numpy as np
from spirit import state, system
energies = []
with state.State(sys.argv[1], quiet=True) as chain:
    directions = system.get_spin_directions(chain)
    for spins in json.loads(sys.stdin.read()):
        directions[:] = np.array(spins)
        system.update_data(chain)
        energies.append(system.get_energy(chain))
print(json.dumps(energies))
"""


def spirit(python: str, folder: Path):
    spins = drawn(TRICLINIC.atoms)
    file = folder / "input.cfg"
    cells = " ".join(map(str, BOX))
    file.write_text(re.sub(r"n_basis_cells.*", f"n_basis_cells {cells}", file.read_text()))
    rows = json.dumps([in_rows(one).tolist() for one in spins])
    command = [python, "-c", IN_SPIRIT, str(file)]
    said = subprocess.run(command, input=rows, capture_output=True, text=True, check=True).stdout
    return spins, [1e-3 * e for e in json.loads(said.splitlines()[-1])]


def uppasd(program: str, folder: Path):
    spins = drawn(len((folder / "posfile").read_text().splitlines()))
    file = folder / "inpsd.dat"
    text = file.read_text()
    for key, value in (
        ("ncell ", " ".join(map(str, BOX))),
        ("Initmag", "4\nrestartfile ./restart"),
        ("temp", "0.0"),
        ("Nstep", "1"),
        ("timestep", "1.0e-22"),
    ):
        text = re.sub(rf"^{key}.*", f"{key} {value}", text, flags=re.M)
    file.write_text(text)
    energies = []
    for one in spins:
        rows = in_rows(one)
        lines = [f"0 1 {n} 1.0 " + " ".join(f"{x:.16f}" for x in r) for n, r in enumerate(rows, 1)]
        (folder / "restart").write_text("\n".join(["#"] * 7 + lines) + "\n")
        said = folder / "totenergy.msgreen.out"
        said.unlink(missing_ok=True)
        subprocess.run([program], cwd=folder, capture_output=True, check=True)
        per_atom = float(said.read_text().splitlines()[1].split()[1])
        energies.append(1e-3 * EV_PER_RYDBERG * per_atom * len(rows))
    return spins, energies


def vampire(program: str, folder: Path):
    file = folder / "vampire.mat"
    file.write_text(file.read_text().replace("direction = 0,0,1", "direction = random"))
    sizes = np.diag(RECTANGULAR.vectors)
    lines = ["material:file=vampire.mat", 'material:unit-cell-file="vampire.ucf"']
    for axis, size, count in zip("xyz", sizes, BOX, strict=True):
        lines += [f"create:periodic-boundaries-{axis}"]
        lines += [f"dimensions:system-size-{axis}={size * count} !A"]
    lines += ["sim:program=time-series", "sim:integrator=llg-heun", "sim:temperature=0"]
    lines += ["sim:equilibration-time-steps=0", "sim:total-time-steps=1"]
    lines += ["sim:time-steps-increment=1", "sim:time-step=0.02 !as"]
    lines += ["output:time-steps", "output:total-energy", "output:precision=12"]
    lines += ["config:atoms", "config:atoms-output-rate=1"]
    (folder / "input").write_text("\n".join(lines) + "\n")
    subprocess.run([program], cwd=folder, capture_output=True, check=True)
    lines = (folder / "output").read_text().splitlines()
    energy = next(float(r.split()[1]) for r in lines if r.strip() and not r.startswith("#"))
    count = 2 * int(np.prod(BOX))

    def table(name: str) -> np.ndarray:
        return np.array(
            [r.split() for r in (folder / name).read_text().splitlines()[-count:]], float
        )

    atoms, directions = table("atoms-coords.data"), table("spins-00000000.data")
    site = atoms[:, 0].astype(int)
    cells = np.rint((atoms[:, 2:5] - np.asarray(RECTANGULAR.basis)[site]) / sizes).astype(int)
    spins = np.zeros((1, *BOX, 2, 3))
    spins[0, cells[:, 0], cells[:, 1], cells[:, 2], site] = directions
    return spins, [EV_PER_JOULE * energy]


if __name__ == "__main__":
    import jax

    jax.config.update("jax_enable_x64", True)
    case, installed = sys.argv[1:]
    name = case.split("_")[0]
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch) / name
        export(model_of(case), files, name)
        found, said = {"spirit": spirit, "uppasd": uppasd, "vampire": vampire}[name](
            installed, files
        )
    sys.stdout.write(json.dumps({"spins": found.tolist(), "energies": said}) + "\n")
