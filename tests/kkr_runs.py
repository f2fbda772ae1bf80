"""The runs of the KKR tests: an iron bilayer without and with spin-orbit coupling."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from msgreen import LloydEnergy, direction, user_contour
from msgreen.hosts.kkr import KKRHost
from msgreen.io import jukkr
from msgreen.io.jukkr.spinor import up_first
from msgreen.scattering.tmatrix import TMatrix, linear_tmatrix
from msgreen.units import BOHR

DATA = Path(__file__).parent / "data" / "jukkr"
TYPES = np.array([2, 2, 2, 2, 3])  # of the five atoms, as JuKKR counts them
KINDS = TYPES - 2  # rows of the arrays per type
Z = np.tile([0.0, 0.0, 1.0], (5, 1))
Y = np.tile([0.0, 1.0, 0.0], (5, 1))


@cache
def folder(name: str) -> Path:
    return jukkr.example(name, tempfile.mkdtemp())


@cache
def run(name: str) -> jukkr.Run:
    return jukkr.read_folder(folder(name))


@cache
def energy(name: str) -> LloydEnergy:
    found = run(name)
    return LloydEnergy(found.host, found.scatterer, found.sites)


@cache
def energy_at_few(name: str) -> LloydEnergy:
    """The same with four of the energies, for derivatives of high order."""
    found, chosen = run(name), np.array([4, 12, 20, 28])
    path = user_contour(found.contour.nodes[chosen], found.contour.weights[chosen])
    host = KKRHost(found.host.green[chosen], path)
    t = found.scatterer
    scatterer = TMatrix(t.energies[chosen], t.coefficients[chosen], t.reference)
    return LloydEnergy(host, scatterer, found.sites)


def supplied(axis: str) -> TMatrix:
    """t-matrices from the derivative that JuKKR computes with moments along z or y."""
    stored = up_first(np.load(DATA / f"fe2_soc_{axis}.npz")["dt"]) * BOHR
    frame = {"z": [[1, 0, 0], [0, 1, 0]], "y": [[0, 0, -1], [-1, 0, 0]]}[axis]
    cartesian = -np.einsum("tpeab,pk->etkab", stored, np.array(frame, float))
    contour = run("fe2_soc").contour
    return linear_tmatrix(contour.nodes, cartesian[:, KINDS], Z if axis == "z" else Y)


@cache
def host_y() -> KKRHost:
    """The cluster with moments along y."""
    host, moment = jukkr.read_host(folder("fe2_soc_y"))
    np.testing.assert_allclose(moment, Y[0], atol=1e-15)
    return host


def extra_directions() -> tuple[np.ndarray, np.ndarray]:
    """Directions that the example does not use, and t there, (direction, energy, site, n, n)."""
    data = np.load(DATA / "fe2_soc_t.npz")
    theta, phi = np.radians(data["theta_phi_deg"]).T
    t = np.moveaxis(up_first(data["t"]) * BOHR, 1, 2)[:, :, KINDS]
    return np.asarray(direction(theta, phi)), t


def all_pairs() -> np.ndarray:
    """All 20 ordered pairs."""
    return np.argwhere(~np.eye(5, dtype=bool))


def tilted(degrees: float) -> np.ndarray:
    """Moments tilted from z by one angle, at five different azimuths."""
    theta = np.full(5, np.radians(degrees))
    return np.asarray(direction(theta, 4 * np.pi / 5 * np.arange(5)))
