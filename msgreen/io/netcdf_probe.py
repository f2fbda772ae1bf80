"""Read a whole HDF5 file and say whether that works; run by itself, in a process that may hang.

The HDF5 library goes around in circles on some damaged files, or ends its process, and nothing in
the same process can stop it. It takes a path and a number of seconds.
"""

import signal
import sys

import h5py

LARGEST_RATIO = 1100
"""Bytes of data per byte of a file. No compression of HDF5 expands by more than 1032."""


def probe(path: str) -> str:
    """Return what is wrong with a file, nothing if all of it can be read."""
    try:
        with h5py.File(path, "r") as file:
            room = LARGEST_RATIO * file.id.get_filesize()
            file.visititems(lambda name, item: _read(item, room))
    # What h5py raises for damaged files is not listed anywhere.
    except Exception as error:
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def _read(item: h5py.HLObject, room: int) -> None:
    for name in item.attrs:
        item.attrs[name]
    if isinstance(item, h5py.Dataset):
        if item.nbytes > room:
            raise ValueError(f"{item.name} has {item.nbytes} bytes, more than the file can hold")
        item[()]


if __name__ == "__main__":
    # The system's own handlers: Python's would wait for the library.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "alarm"):
        signal.alarm(int(sys.argv[2]))
    sys.stdout.write(probe(sys.argv[1]))
