"""What a run on a crystal says: checks before any exchange constant, then pairs and anisotropy."""

from collections.abc import Sequence

import numpy as np

from msgreen.exchange.crystal.anisotropy import SiteAnisotropy
from msgreen.exchange.crystal.axes import CrystalTensors
from msgreen.exchange.crystal.clusters import loop_orbits
from msgreen.exchange.crystal.filling import Filling
from msgreen.exchange.crystal.pairs import CrystalExchange, total_exchange
from msgreen.exchange.crystal.traces import goldstone_residual
from msgreen.hosts.wannier import WannierHost
from msgreen.io.wannier import WannierHamiltonian, odd_rest
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.symmetry import Symmetry, residual
from msgreen.units import BOLTZMANN, MEV


def about_electrons(
    hamiltonian: WannierHamiltonian,
    host: WannierHost,
    runs: Sequence[CrystalExchange],
    filling: Filling | None = None,
) -> list[str]:
    """Say how many electrons there are, where, and what the files hold.

    Parameters
    ----------
    hamiltonian : WannierHamiltonian
    host : WannierHost
    runs : sequence of CrystalExchange
        For every axis of the moments; the last is that of the host.
    filling : Filling, optional
        Of the host, if its E_F was looked for.
    """
    found = runs[-1]
    charge = found.electrons.sum()
    lines = [
        f"{len(hamiltonian.cells)} cells, {hamiltonian.orbital_count} orbitals a spin, "
        f"{'with' if hamiltonian.spin_orbit else 'without'} spin-orbit coupling; E_F = "
        f"{float(host.fermi_energy):.6g} eV, {float(host.temperature) / BOLTZMANN:.6g} K",
        *hamiltonian.notes,
        *([] if filling is None else [_about_filling(filling)]),
        f"H(R) Hermitian to {hamiltonian.hermiticity:.1e} eV; exchange field between cells: "
        f"{host.nonlocal_share():.1%} by norm",
    ]
    if hamiltonian.overlap is not None:
        count = "Löwdin" if host.vertex == "bond" else "Mulliken"
        lines.append(f"Orbitals overlap; electrons and moments of atoms are those of {count}")
    if hamiltonian.spin_orbit:
        lines.append(f"Time-odd part that is no exchange field: {odd_rest(hamiltonian):.2%}")
    for run in runs:
        error = run.electron_errors.sum()
        lines.append(
            f"{run.electrons.sum():.4f} electrons, moment {run.moments.sum():.4f} Bohr magnetons, "
            f"both within {error:.1e}"
            + ("" if len(runs) == 1 else "; along {:.0f} {:.0f} {:.0f}".format(*run.axis))
        )
    symbols = hamiltonian.crystal.symbols
    lines += [f"{'atom':<10}{'electrons':>12}{'moment':>12}{'error':>10}"]
    lines += [
        f"{f'{n} {symbols[n]}':<10}{found.electrons[n]:>12.4f}{found.moments[n]:>12.4f}"
        f"{found.electron_errors[n]:>10.1e}" + ("   magnetic" if n in host.atoms else "")
        for n in range(len(symbols))
    ]
    if abs(charge - round(charge)) > 0.02:
        lines.append(
            f"Warning: {charge:.4f} electrons are not an integer: check `fermi_energy`, or give "
            "`electrons` instead, and that all occupied bands are in the files"
        )
    return lines


def _about_filling(found: Filling) -> str:
    (count, missing), (energy, error) = found.electrons, found.fermi_energy
    return (
        f"{energy:.7g} eV within {error:.1e} hold {count:g} electrons within {missing:.1e}; what "
        "this E_F may be wrong by is in all errors below"
    )


def about_rotation(host: WannierHost, found: CrystalExchange) -> list[str]:
    """Say what turning one moment and all moments costs, and how much of it the pairs explain.

    Parameters
    ----------
    host : WannierHost
    found : CrystalExchange
    """
    what = "half of the splitting of every bond" if host.vertex == "bond" else "the on-site block"
    lines = [f"Moments turn with {what}"]
    if not host.spin_orbit:
        lines.append(
            "Turning everything, ligands included, costs "
            f"{goldstone_residual(host):.1e} of turning one moment"
            + ("" if host.vertex == "bond" else ": what lies between cells does not turn")
        )
    lines.append("Turning one alone: half the curvature, and sum of J of the pairs (meV)")
    for place, atom in enumerate(host.atoms):
        half = np.trace(found.curvature[place]) / (4 * MEV)
        error = found.curvature_errors[place] / (2 * MEV)
        total = total_exchange(found, atom) / (2 * MEV)
        lines.append(f"{atom:<10}{half:>12.3f} within {error:<9.1e}{total:>12.3f}")
    if host.vertex == "onsite":
        lines.append("With this vertex sum and curvature do not agree")
    last = found.nodes[-1]
    lines.append(
        f"k points per direction: {found.nodes[0].mesh} to {last.mesh} at {len(found.nodes)} "
        f"energies, {sum(node.seconds for node in found.nodes):.1f} s"
    )
    return lines


def about_symmetry(model: SpinModel, symmetry: Symmetry) -> list[str]:
    """Say by how much the terms of a model break the symmetry of the crystal.

    Parameters
    ----------
    model : SpinModel
    symmetry : Symmetry
    """
    lines = [
        f"Space group: {len(symmetry)} operations modulo translations. Largest deviation from it, "
        "root mean squares of deviation and value (meV)"
    ]
    for name, found in residual(model, symmetry).items():
        # J and D of paper L are half of the coefficients of pairs.
        numbers = [x / MEV / (1 if name == "anisotropy" else 2) for x in found]
        lines.append(f"{name:<24}" + "{:>12.1e}{:>12.1e}{:>12.1e}".format(*numbers))
    return lines


def about_anisotropy(found: SiteAnisotropy, symbols: tuple[str, ...]) -> list[str]:
    """Return the tensors of single moments in words.

    Parameters
    ----------
    found : SiteAnisotropy
    symbols : tuple of str
        Of the atoms.
    """
    lines = [
        "Anisotropy e.A.e of single moments, without trace; with their share of the pairs, for "
        "moments that turn together (meV)",
        f"{'atom':<10}"
        + "".join(f"{name:>10}" for name in ("xx", "yy", "zz", "xy", "xz", "yz"))
        + f"{'error':>10}{'spread':>10}",
    ]
    entries = ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])
    for place, atom in enumerate(found.atoms):
        doubt = f"{found.errors[place] / MEV:>10.1e}{found.spread[place] / MEV:>10.1e}"
        for name, tensors in (
            (f"{atom} {symbols[atom]}", found.single),
            ("  together", found.total),
        ):
            numbers = "".join(f"{x:>10.5f}" for x in tensors[place][entries] / MEV + 0.0)
            lines.append(f"{name:<10}{numbers}{doubt}")
    return lines


def about_pairs(tensors: CrystalTensors, symbols: tuple[str, ...], symmetry: Symmetry) -> list[str]:
    """Return the exchange constants of pairs that symmetry makes equal.

    Parameters
    ----------
    tensors : CrystalTensors
    symbols : tuple of str
        Of the atoms.
    symmetry : Symmetry
        Of the crystal with its moments, with all atoms as sites.
    """
    parts, errors = tensors.parts()
    header = f"{'pair':<12}{'distance':>10}{'number':>8}{'J (meV)':>14}{'spread':>10}{'error':>10}"
    lines = [
        "E = -sum over ordered pairs of J e.e + D.(e x e); means over pairs equal by symmetry",
        header + (f"{'|D| (meV)':>12}" if tensors.spin_orbit else ""),
    ]
    cells = np.stack([np.zeros_like(tensors.pairs[:, 2:]), tensors.pairs[:, 2:]], axis=1)
    orbits = loop_orbits(np.concatenate([cells, tensors.pairs[:, :2, None]], axis=2), symmetry)
    for number in range(orbits.max(initial=-1) + 1):
        rows = np.flatnonzero(orbits == number)
        one, two = sorted(symbols[atom] for atom in tensors.pairs[rows[0], :2])
        J = parts.isotropic[rows] / MEV
        line = (
            f"{one + ' - ' + two:<12}{tensors.distances[rows[0]]:>10.4f}{len(rows):>8}"
            f"{J.mean():>14.6f}{np.ptp(J):>10.1e}{errors.isotropic[rows].max() / MEV:>10.1e}"
        )
        if tensors.spin_orbit:
            line += f"{np.linalg.norm(parts.vector[rows], axis=1).mean() / MEV:>12.6f}"
        lines.append(line)
    if tensors.spin_orbit:
        lines.append(
            "Diagonal entries differ between references by up to "
            f"{tensors.spread.max() / (2 * MEV):.2e} meV"
        )
    return lines
