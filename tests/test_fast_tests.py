"""`make test-fast` runs the tests that were fast in the last `make test`, and those never run."""

from pathlib import Path
from types import SimpleNamespace

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
TIMES = {"a": 0.1, "b": 3.0}


@pytest.fixture
def conftest(request):
    plugins = request.config.pluginmanager.get_plugins()
    return next(p for p in plugins if getattr(p, "__file__", None) == str(CONFTEST))


class Config(SimpleNamespace):
    """What of a configuration of pytest is used, with the times of two tests."""

    def __init__(self, **options):
        self.left_out, self.kept = [], dict(TIMES)
        read = lambda key, default: dict(self.kept)  # noqa: E731
        self.cache = SimpleNamespace(get=read, set=lambda key, value: self.kept.update(value))
        self.hook = SimpleNamespace(pytest_deselected=lambda items: self.left_out.extend(items))
        self.getoption = options.__getitem__


class Named(SimpleNamespace):
    """A test of which only the name matters."""

    __hash__ = object.__hash__

    def __init__(self, nodeid):
        self.nodeid = nodeid


@pytest.mark.parametrize("within, left", [(None, "abc"), (0.2, "ac"), (5.0, "abc"), (0.05, "c")])
def test_slow_ones_are_left_out_and_unknown_ones_run(conftest, within, left):
    config, tests = Config(**{"--within": within}), [Named(name) for name in "abc"]
    conftest.select_fast(config, tests)
    assert "".join(test.nodeid for test in tests) == left
    assert sorted(left + "".join(test.nodeid for test in config.left_out)) == ["a", "b", "c"]


@pytest.mark.parametrize("keep, expected", [(True, {"a": 0.7, "new": 0.3}), (False, {})])
def test_only_whole_runs_change_what_is_known(conftest, monkeypatch, keep, expected):
    """A test that runs alone pays for what others prepare, and would be left out the next time."""
    monkeypatch.setattr(conftest, "seconds", {})
    for nodeid, duration in (("a", 0.5), ("a", 0.2), ("new", 0.3)):
        conftest.pytest_runtest_logreport(SimpleNamespace(nodeid=nodeid, duration=duration))
    config = Config(**{"--keep-times": keep})
    conftest.pytest_sessionfinish(SimpleNamespace(config=config))
    assert config.kept == pytest.approx(TIMES | expected)
