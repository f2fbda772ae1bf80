"""Every public function refuses what has no meaning, names the argument and says what to do."""

import os
import re
import subprocess
import sys

import bad_calls_rooms as rooms
import jax.numpy as jnp
import numpy as np
import pytest
from bad_calls import CALLS, MAY_BE_RIGHT, PAIRS, RIGHT, SITES, SPOILT, SYSTEM, Call, objects
from lattices import SQUARE

import msgreen
from msgreen import _checks
from msgreen.errors import FileFormatError, InputError, MsgreenError
from msgreen.hosts.base import AbstractHost

WITHOUT_CALL = {
    "AbstractHost": "abstract",
    "AbstractScatterer": "abstract",
    "Contour": "made by the functions of msgreen.contour, which are checked",
    "Green": "made by hosts, whose blocks are checked",
    "Estimate": "what functions return",
    "Interactions": "made by compute_interactions",
    "read_netcdf": "see test_files_and_folders_that_are_not_there",
    "write_csv": "see test_files_and_folders_that_are_not_there",
    "write_netcdf": "see test_files_and_folders_that_are_not_there",
}


def test_every_public_callable_has_a_row():
    public = {name for name in dir(msgreen) if callable(getattr(msgreen, name)) and name[0] != "_"}
    assert public == set(CALLS) | set(WITHOUT_CALL)
    assert not set(CALLS) & set(WITHOUT_CALL)


def said_well(error: MsgreenError) -> bool:
    """Whether an error has the grammar of the library: what must be, what is, what to do."""
    return bool(re.match(r"Argument `[\w.]+` must .*, but .*[.:] .*\S\.$", str(error), re.DOTALL))


def check_spoilt(name: str, call: Call, allowed) -> None:
    """A call works; with one argument spoilt it is refused well, or is right all the same."""
    call()
    for argument, value in call.spoilt.items():
        for way, spoil in SPOILT.items():
            try:
                bad = spoil(value)
            except (ValueError, TypeError):  # rows of different kinds are no array
                continue
            right = way in (*MAY_BE_RIGHT, *allowed.get(f"{name}.{argument}", ()))
            try:
                call(**{argument: bad})
            except MsgreenError as error:
                assert said_well(error), (argument, way, str(error))
            else:
                assert right, f"{name}({argument}={bad!r}) is accepted"


@pytest.mark.parametrize("name", CALLS)
def test_what_is_spoilt_is_refused(name):
    assert isinstance(CALLS[name], Call) and objects()
    check_spoilt(name, CALLS[name], RIGHT)


@pytest.mark.parametrize("room", rooms.ROOMS)
def test_every_callable_of_a_room_has_a_row(room):
    names = {}
    for part in (getattr(msgreen, room), *rooms.PARTS.get(room, ())):
        names |= vars(part)
    public = {n for n, item in names.items() if callable(item) and n[0] != "_"}
    rows, flat = set(rooms.ROOMS[room]), set(CALLS)
    assert public - flat == rows | (set(rooms.WITHOUT_CALL[room]) - flat)
    assert not rows & set(rooms.WITHOUT_CALL[room])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [f"{r}.{n}" for r, calls in rooms.ROOMS.items() for n in calls])
def test_what_is_spoilt_in_a_room_is_refused(name):
    room, _, function = name.partition(".")
    check_spoilt(function, rooms.ROOMS[room][function], rooms.RIGHT)


def test_arguments_of_other_kinds():
    found = msgreen.compute_interactions(SYSTEM.host, SYSTEM.scatterer, SITES, [PAIRS])
    assert found.to("L").convention.name == "L"
    for call, message in (
        (lambda: found.to("X"), "`convention` must be .* one of neutral, L, B, O"),
        (
            lambda: msgreen.compute_interactions(SYSTEM.host, SYSTEM.scatterer, SITES, [[0, 1]]),
            r"`clusters` must be an int array of shape \(loop, order\)",
        ),
        (
            lambda: msgreen.hopping_model(SQUARE, [((1, 0), 0, 0, np.ones((3, 3)))]),
            "`terms` must hold numbers or square matrices",
        ),
        (
            lambda: msgreen.LloydEnergy(
                SYSTEM.host, msgreen.ContactCoupling(0.1), SITES
            ).interaction(np.tile([0.0, 0.0, 1.0], (3, 1))),
            "`scatterer` must have the 2 orbitals of the host, but it has 1",
        ),
        (
            lambda: msgreen.coefficients(
                SYSTEM.host, msgreen.ContactCoupling(0.1), objects()["contour"], SITES, PAIRS
            ),
            "`scatterer` must have the 2 orbitals of the host, but it has 1",
        ),
        (
            lambda: msgreen.SpinPairs(SYSTEM.host, msgreen.ContactCoupling(0.1), SITES, PAIRS),
            "`scatterer` must have the 2 orbitals of the host, but it has 1",
        ),
    ):
        with pytest.raises(InputError, match=message):
            call()


class Wrong(AbstractHost):
    """A host whose blocks miss a pair."""

    nambu = False

    def blocks(self, z, sites, pairs):
        return SYSTEM.host.blocks(z, sites, pairs[:-1])

    def contour(self, sites):
        return SYSTEM.host.contour(sites)


@pytest.mark.filterwarnings("ignore:Wrong does not know its levels")
def test_blocks_of_the_wrong_shape_are_refused():
    contour = objects()["contour"]
    for call in (
        lambda: msgreen.green_matrix(Wrong(), contour.nodes, SITES),
        lambda: msgreen.coefficients(Wrong(), SYSTEM.scatterer, contour, SITES, PAIRS),
        lambda: msgreen.loop_tensors(Wrong(), SYSTEM.scatterer, contour, SITES, PAIRS),
        lambda: msgreen.LloydEnergy(Wrong(), SYSTEM.scatterer, SITES),
        lambda: msgreen.SpinPairs(Wrong(), SYSTEM.scatterer, SITES, PAIRS),
    ):
        with pytest.raises(InputError, match="`host` must return blocks of shape .*Wrong.blocks"):
            call()


def test_files_and_folders_that_are_not_there(tmp_path):
    found = msgreen.compute_interactions(SYSTEM.host, SYSTEM.scatterer, SITES, [PAIRS])
    for write in (msgreen.write_csv, msgreen.write_netcdf):
        with pytest.raises(InputError, match="missing.*folder"):
            write(found, tmp_path / "missing" / "file")
    with pytest.raises(FileFormatError, match="must exist"):
        msgreen.read_netcdf(tmp_path / "missing.nc")


@pytest.mark.slow
def test_a_device_that_is_not_there_is_named():
    environment = {**os.environ, "JAX_PLATFORMS": "cuda", "JAX_ENABLE_X64": "1"}
    code = "import msgreen; msgreen.shell_model(msgreen.Lattice.square(), [-1.0])"
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    if run.returncode == 0:
        pytest.skip("this machine has the device")
    assert "`JAX_PLATFORMS` must name a device of this machine, but it is 'cuda'" in run.stderr


def test_checks_by_themselves():
    _checks.shaped("a", [[1.0, 2.0]], ("n", 2))
    _checks.number("a", 1.0)
    _checks.positive_number("a", jnp.asarray(1.0))
    _checks.whole_number("a", np.int64(3), 3, 5)
    assert _checks.numbers("a", [1, 2], "iu").tolist() == [1, 2]
    for call, message in (
        (lambda: _checks.shaped("a", [1.0], ("n", 2), ()), r"shape \(n, 2\) or \(\), but"),
        (lambda: _checks.number("a", [1.0]), "must be one number"),
        (lambda: _checks.positive_number("a", 0.0, "eV"), r"greater than zero \(eV\)"),
        (lambda: _checks.whole_number("a", 2, 3), "at least 3"),
        (lambda: _checks.whole_number("a", True, 1, 5), "1 to 5"),
        (lambda: _checks.numbers("a", [1.0], "iu"), "whole numbers"),
        (lambda: _checks.numbers("a", ["x" * 100]), r"\.\.\. \("),
    ):
        with pytest.raises(InputError, match=message):
            call()
