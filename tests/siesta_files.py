"""NetCDF files as SIESTA writes them, from H(R) and S(R)."""

import h5py
import numpy as np

from msgreen.units import BOHR, RYDBERG


def write(
    path, lattice, cells, matrices, atom_of, *, overlap, fermi_energy=0.0, symbols=(), components=8
):
    """Write a file with 2 components of spin, or 4 or 8 for matrices (1, cell, 2 n, 2 n).

    An element <0 m| H |R n> stands in row n, column m of the cell -R.
    """
    size = len(atom_of)
    cells = np.asarray(cells)
    row, place, column = (x.ravel() for x in np.indices((size, len(cells), size)))

    def stored(block):
        return block[place, column, row]

    if len(matrices) == 2:
        parts = [stored(block).real for block in matrices]
    else:
        spinor = matrices[0].reshape(len(cells), 2, size, 2, size)
        uu, dd, ud, du = (stored(spinor[:, s, :, t]) for s, t in ((0, 0), (1, 1), (0, 1), (1, 0)))
        parts = [uu.real, dd.real, ud.real, -ud.imag, uu.imag, dd.imag, du.real, du.imag]
        parts = parts[:components]
    with h5py.File(path, "w") as file:
        file["cell"] = lattice.vectors / BOHR
        file["xa"] = lattice.basis / BOHR
        file["lasto"] = np.cumsum(np.bincount(atom_of)).astype(np.int32)
        file["Ef"] = np.array([fermi_energy / RYDBERG])
        file["SPARSE/n_col"] = np.full(size, len(cells) * size, np.int32)
        file["SPARSE/list_col"] = (column + size * place + 1).astype(np.int32)
        file["SPARSE/isc_off"] = -cells.astype(np.int32)
        file["SPARSE/S"] = stored(overlap)
        file["SPARSE/H"] = np.stack(parts) / RYDBERG
        file["SPARSE/H"].attrs["unit"] = np.bytes_(b"Ry")
        for number, symbol in enumerate(symbols):
            group = file.create_group(f"BASIS/{symbol}")
            group.attrs["ID"], group.attrs["Element"] = [number + 1], np.bytes_(symbol)
        if symbols:
            file["BASIS/basis"] = np.arange(1, len(symbols) + 1, dtype=np.int32)
