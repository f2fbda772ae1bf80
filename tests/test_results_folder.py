"""The folder of results is the old or the new one, and the user's files stay."""

import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from msgreen.errors import InputError
from msgreen.io import results
from msgreen.io.atomic import part_folder, part_name, replacing, writing
from msgreen.io.results import MANIFEST, finish, foreign_files, replacing_files

ROOT = Path(__file__).resolve().parents[1]
KILLS = 6


def put(folder, owner="run", **files):
    with replacing_files("--out", folder, owner) as stage:
        for name, text in files.items():
            (stage / name).write_text(text)


def content(folder):
    return {f.name: f.read_text() for f in folder.iterdir() if f.name != MANIFEST}


def test_new_results_replace_all_old_ones_and_nothing_else(tmp_path):
    out = tmp_path / "a" / "out"
    put(out, table="1", picture="1")
    (out / "notes").write_text("mine")
    put(out, table="2")
    assert content(out) == {"table": "2", "notes": "mine"}
    assert [f.name for f in tmp_path.iterdir()] == ["a"] and len(list(out.parent.iterdir())) == 1


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_failure_changes_nothing(tmp_path, failure):
    with pytest.raises(failure), replacing_files("--out", tmp_path / "a" / "out", "run") as stage:
        (stage / "table").write_text("1")
        raise failure
    assert not list(tmp_path.iterdir())
    put(tmp_path, table="old")
    with pytest.raises(failure), replacing_files("--out", tmp_path, "run") as stage:
        (stage / "table").write_text("new")
        raise failure
    assert content(tmp_path) == {"table": "old"}


def test_files_of_the_user_are_refused_before_anything_is_computed(tmp_path):
    (tmp_path / "table").write_text("mine")
    with (
        pytest.raises(InputError, match="Argument `--out` must be a folder without files of"),
        replacing_files("--out", tmp_path, "run", ["table"]),
    ):
        raise AssertionError("computed")
    assert content(tmp_path) == {"table": "mine"}


@pytest.mark.parametrize("kind", ["changed", "link", "folder", "other command"])
def test_late_refusal_keeps_both(tmp_path, kind):
    put(tmp_path, table="old")
    file = tmp_path / "table"
    if kind == "changed":
        file.write_text("edited")
    elif kind == "link":
        file.unlink()
        (tmp_path / "elsewhere").write_text("old")
        file.symlink_to("elsewhere")
    elif kind == "folder":
        file.unlink()
        file.mkdir()
    owner = "spinmodel" if kind == "other command" else "run"
    before = {f.name for f in tmp_path.iterdir()}
    with pytest.raises(InputError, match="The results are in") as error:
        put(tmp_path, owner, table="new")
    kept = Path(str(error.value).rpartition(" in ")[2].rstrip("."))
    assert content(kept) == {"table": "new"}
    assert {f.name for f in tmp_path.iterdir()} == before | {kept.name}
    assert kind != "changed" or file.read_text() == "edited"


def test_results_of_two_commands_live_together(tmp_path):
    put(tmp_path, "run", table="1")
    put(tmp_path, "spinmodel", states="1", picture="1")
    put(tmp_path, "run", table="2")
    put(tmp_path, "spinmodel", states="2")
    assert content(tmp_path) == {"table": "2", "states": "2"}
    assert foreign_files(tmp_path, "run", ["table", "states", "none"]) == ["states"]


def test_interrupted_renames_are_completed_by_the_next_command(tmp_path, monkeypatch):
    """Wherever it stops, the next command finds the new set, whole."""
    real, steps = os.replace, [0]

    def stopping(source, target):
        if steps[0] == 0:
            raise KeyboardInterrupt
        steps[0] -= 1
        real(source, target)

    for stop in range(4):
        out = tmp_path / str(stop)
        put(out, a="old", b="old", stale="old")
        monkeypatch.setattr(results.os, "replace", stopping)
        steps[0] = stop
        with pytest.raises(KeyboardInterrupt):
            put(out, a="new", b="new", c="new")
        monkeypatch.setattr(results.os, "replace", real)
        finish(out)
        assert content(out) == {"a": "new", "b": "new", "c": "new"}
        put(out, a="newer")
        assert content(out) == {"a": "newer"}


def test_parts_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1)
    name = part_name().replace(f"-{os.getpid()}-", f"-{int(dead.stdout)}-")
    (tmp_path / name).mkdir()
    (tmp_path / name / "half").write_text("")
    living = part_name()
    (tmp_path / living).write_text("")
    (tmp_path / ".mine.part").write_text("")
    new = part_folder("--out", tmp_path)
    assert {f.name for f in tmp_path.iterdir()} == {living, ".mine.part", new.name}


def test_links_are_replaced_not_followed(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "table").symlink_to("precious")
    with replacing(tmp_path / "table") as part:
        assert part.stat().st_size == 0 and not part.is_symlink()
        part.write_text("new")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "table").read_text() == "new" and not (tmp_path / "table").is_symlink()


def test_parallel_writers_give_one_of_their_sets(tmp_path):
    """Into one folder at once, made by one of them."""
    out = tmp_path / "out"

    def write(number):
        with replacing_files("--out", out, "run") as stage:
            for name in "abcdef":
                (stage / name).write_text(str(number))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = content(out)
    assert sorted(found) == list("abcdef") and len(set(found.values())) == 1
    assert [f.name for f in tmp_path.iterdir()] == ["out"]


def test_full_disk_gives_one_line(tmp_path):
    """A limit of the size of files stands for a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(InputError, match=r"table cannot: File too large\. Make room"):
            with replacing(tmp_path / "table") as part:
                part.write_bytes(bytes(1000))
        with pytest.raises(InputError, match=rf"but {tmp_path}/out/table cannot: File too large"):
            with replacing_files("--out", tmp_path / "out", "run") as stage:
                with replacing(stage / "table") as part:
                    part.write_bytes(bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="X: No space left on device. Make room"), writing("X"):
        raise OSError(28, "No space left on device")


def test_nonsense_manifest_owns_nothing(tmp_path):
    (tmp_path / "table").write_text("mine")
    for text in ("", "[]", '{"run": 1}', "[" * 10_000, '{"run": {"../x": "1", "table": 1}}', "\0"):
        (tmp_path / MANIFEST).write_text(text)
        assert foreign_files(tmp_path, "run", ["table"]) == ["table"]


WRITER = """
import sys
from msgreen.io.results import replacing_files
n = 0
while True:
    with replacing_files("--out", sys.argv[1], "run") as stage:
        for name in "abcdefgh":
            (stage / name).write_text(str(n) * 1000)
        (stage / f"only{n}").write_text(str(n) * 1000)
    if n == 0:
        print("ready", flush=True)
    n += 1
"""


def test_killed_while_writing(tmp_path):
    """Kills without warning at random moments: one set, and what the next command completes."""
    rng = random.Random(1)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")])}
    out = tmp_path / "out"
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(out)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(0.05 * rng.random())
            process.send_signal(signal.SIGKILL)
        finish(out)
        found = {f.name: f.read_text() for f in out.iterdir() if f.name[0] != "."}
        assert len(found) == 9 and len(set(found.values())) == 1
        (only,) = (name for name in found if name.startswith("only"))
        assert set(found[only]) <= set(only[4:]) and len(found[only]) == 1000 * len(only[4:])
    put(out, table="1")
    assert content(out) == {"table": "1"}
