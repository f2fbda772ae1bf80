"""What a wheel holds: data and examples that the program reads beside its code."""

from pathlib import Path

import pytest

from msgreen.config.shipped import SHIPPED

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_holds_everything_in_the_package():
    """As its builder lists it; a file that the rules for git leave out would be missing."""
    wheel = pytest.importorskip("hatchling.builders.wheel")
    listed = {
        file.distribution_path for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()
    }
    kept = [file for file in (ROOT / "msgreen").rglob("*") if file.is_file()]
    own = {file.relative_to(ROOT).as_posix() for file in kept if "__pycache__" not in file.parts}
    assert not own - listed
    assert "msgreen_kernels/__init__.py" in listed
    for example in SHIPPED.values():
        beside = {file.name for file in example.parent.iterdir()}
        assert {"LICENSE", example.name} <= beside and any("_hr.dat" in name for name in beside)
