"""Pages that show results: their numbers are those of the result, and they load nothing."""

import argparse
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import msgreen
from msgreen.cli import main
from msgreen.cli.view import PAGE, add_view
from msgreen.errors import FileFormatError, InputError
from msgreen.io.spin_programs import write_json
from msgreen.page import Page, read_page, result_page, view
from msgreen.page import scene as scenes
from msgreen.page.document import document
from msgreen.page.pair_scan import MOST, is_pair_scan, pair_scan_scene
from msgreen.page.rows import interaction_rows, model_rows
from msgreen.page.scan import scan_scene
from msgreen.page.view import state_titles
from msgreen.papers.brinker import published_model
from msgreen.spinmodel import SpinModel, Term
from msgreen.spinmodel.interactions import Coefficient, Interactions, Terms
from msgreen.spinmodel.states import Minima
from msgreen.units import MEV

PLACES = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0], [0.0, 4.0], [9.0, 0.0], [9.0, 4.0]])
UP = np.tile([0.0, 0.0, 1.0], (6, 1))


def cluster() -> SpinModel:
    """Terms of one to six sites."""
    return SpinModel(
        [
            Term("anisotropy", [[0]], [np.diag([0.0, 0.0, -0.001])]),
            Term("exchange", [[0, 1], [1, 2]], [0.010, -0.004], errors=[1e-5, np.inf]),
            Term("dzyaloshinskii_moriya", [[1, 0]], [[0.0, 0.002, 0.001]]),
            Term("biquadratic", [[0, 1]], [0.0005]),
            Term("three_site", [[0, 1, 2]], [0.0003]),
            Term("four_site", [[0, 1, 2, 3]], [-0.0002]),
            Term("chiral_four_site", [[0, 1, 2, 3]], [[0.0001, 0.0, 0.0]]),
            Term("six_spin", [[0, 1, 2, 3, 4, 5]], [0.00007]),
        ],
        positions=PLACES,
        symbols=["Fe", "Fe", "Co", "Co", "</script><b>", "Mn"],
    )


def lattice_model() -> SpinModel:
    """Two sites per cell of an oblique lattice, with a bond inside the cell and one out of it."""
    lattice = msgreen.Lattice(
        [[3.0, 0.0, 0.0], [1.0, 2.5, 0.0]], [[0.0, 0.0, 0.0], [1.2, 0.9, 0.4]]
    )
    cells = [[[0, 0], [0, 0]], [[0, 0], [1, -2]]]
    return SpinModel([Term("exchange", [[0, 1], [0, 0]], [0.001, 0.002], cells)], lattice=lattice)


def interactions(scale: float = 1.0) -> Interactions:
    """Pairs and a loop of four in a convention of minus signs."""
    pair = Terms(
        np.array([[0, 1], [1, 2]]),
        {
            "J_iso": Coefficient(scale * np.array([0.002, -0.001]), np.array([1e-6, 2e-6])),
            "D": Coefficient(scale * np.eye(3)[:2] * 1e-3, np.zeros((2, 3)), ("xyz",)),
        },
    )
    loop = Terms(np.array([[0, 1, 2, 3]]), {"B4_iso": Coefficient(np.array([3e-4]), np.zeros(1))})
    three = Terms(
        np.array([[0, 1, 2, 1]]), {"B4_iso": Coefficient(np.array([5e-4]), np.array([np.nan]))}
    )
    return Interactions((pair, loop, three), msgreen.LOUNIS, PLACES)


def data_of(text: str) -> dict:
    """The numbers of a page as its program reads them."""
    (content,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    return json.loads(content)


def test_page_has_the_numbers_of_the_model():
    model = cluster()
    content = data_of(view(model).html)
    assert len(content["groups"]) == len(model.terms)
    names = [group["symbol"] for group in content["groups"]]
    assert sorted(names) == sorted(term.spin_class.symbol for term in model.terms)
    for group in content["groups"]:
        (term,) = (t for t in model.terms if t.spin_class.symbol == group["symbol"])
        values = np.asarray(term.values) / MEV
        sizes = (
            values
            if values.ndim == 1
            else np.sqrt((values**2).sum(axis=(-1, -2)[: values.ndim - 1]))
        )
        np.testing.assert_allclose(group["values"][0], sizes, rtol=1e-8)
        assert group["sites"] == term.clusters.sites.tolist()
        assert group["order"] == term.spin_class.order
        assert group["signed"] == (values.ndim == 1)
        if values.shape[1:] == (3,):
            np.testing.assert_allclose(group["vectors"][0], values, rtol=1e-8)
    exchange = next(group for group in content["groups"] if group["symbol"] == "J")
    assert exchange["errors"] == [[0.01, None]]
    places = np.array([site["place"] for site in content["sites"]])
    np.testing.assert_allclose(places[:, :2], PLACES)
    assert [site["symbol"] for site in content["sites"]] == list(model.symbols or ())


def test_page_keeps_the_convention_of_interactions():
    found = interactions()
    page = view(found, title="four <sites>")
    content = data_of(page.html)
    assert content["title"] == "four <sites>" and "<title>four &lt;sites&gt;</title>" in page.html
    assert "Convention L: sign −, sum over ordered sets" in content["about"]
    groups = {group["name"]: group for group in content["groups"]}
    np.testing.assert_allclose(groups["J_iso of pairs"]["values"][0], [2.0, -1.0])
    np.testing.assert_allclose(groups["D of pairs"]["vectors"][0], np.eye(3)[:2])
    assert groups["B4_iso of four sites"]["sites"] == [[0, 1, 2, 3]]
    # A loop that comes back is the triangle of its sites; errors that are not known are none.
    assert groups["B4_iso of three sites"]["sites"] == [[0, 1, 2]]
    assert groups["B4_iso of three sites"]["errors"] == [[None]]
    assert [rows.order for rows in interaction_rows(found)] == [2, 2, 4, 4]
    assert [rows.order for rows in model_rows(cluster())] == [2, 2, 2, 4, 4, 4, 4, 6]


def test_numbers_by_axis_are_no_vector():
    values = np.arange(6.0).reshape(2, 3) * MEV
    axes = {
        name: Coefficient(values, 0 * values, ("xyz",)) for name in ("J", "D", "field", "D_vector")
    }
    rows = interaction_rows(Interactions((Terms(np.array([[0, 1], [1, 2]]), axes),)))
    names = ["J_x", "J_y", "J_z", "D", "field_x", "field_y", "field_z", "D_vector"]
    assert [some.symbol for some in rows] == names
    np.testing.assert_allclose(rows[1].values, [1.0, 4.0])
    assert [some.vectors is not None for some in rows] == [name[0] == "D" for name in names]


def test_vectors_of_legs_are_those_of_tables():
    """Also of loops that come back to a site, with the legs as tables name them."""
    loops = np.array([[0, 4, 1, 4], [5, 2, 3, 2]])
    values = np.random.default_rng(0).normal(size=(2, 4, 3)) * MEV
    chiral = Coefficient(values, 0 * values, ("leg", "xyz"))
    found = Interactions((Terms(loops, {"C4_chiral": chiral}),))
    (group,) = data_of(view(found).html)["groups"]
    shown = {
        ("-".join(map(str, loop)), f"{name} {axis}"): value
        for loop, names, legs in zip(
            loops, group["leg_names"], group["leg_vectors"][0], strict=True
        )
        for name, vector in zip(names, legs, strict=True)
        for axis, value in zip("xyz", vector, strict=True)
    }
    table = {(row.sites, row.component): row.value / MEV for row in found.rows()}
    assert list(shown) == list(table)
    np.testing.assert_allclose(list(shown.values()), list(table.values()), rtol=1e-8)
    (some,) = interaction_rows(found)
    assert some.taken(np.array([1])).legs == [group["leg_names"][1]]


def test_every_site_of_a_lattice_has_all_its_neighbours():
    model = lattice_model()
    content = view(model).scene
    (group,) = content["groups"]
    places = np.array([site["place"] for site in content["sites"]])
    ends = places[group["sites"]], places[group["copies"]]
    for start, end in zip(*ends, strict=True):
        np.testing.assert_allclose(np.subtract(*start), np.subtract(*end), atol=1e-8)
    reach = 2 * np.array([1.0, -2.0]) @ model.lattice.vectors  # of the bond from -R to R
    first, second = group["sites"][1], group["copies"][1]
    assert first[0] == second[1] == 0
    np.testing.assert_allclose(places[first[1]] - places[second[0]], reach, atol=1e-8)


def test_states_belong_to_their_sites():
    model = lattice_model()
    spins = np.random.default_rng(0).normal(size=(3, 4, 2, 3))
    spins /= np.linalg.norm(spins, axis=-1, keepdims=True)
    content = data_of(view(model, states={"random": spins}).html)
    (state,) = content["states"]
    assert state["title"] == "random" and content["centre"] == [1, 2]
    assert scenes.centre_of((3, 4)).tolist() == [1, 2]
    drawn = {tuple(site["cell"]) for site in content["sites"]}
    assert {(a, b) for a in range(3) for b in range(4)} <= drawn
    for site in content["sites"]:
        (a, b), (rows, columns) = site["cell"], state["box"]
        # The rule of `spinOf` in page.js.
        index = ((a % rows) * columns + b % columns) * content["site_count"] + site["site"]
        np.testing.assert_allclose(
            state["spins"][index], spins[a % 3, b % 4, site["site"]], rtol=1e-8
        )


def test_minima_are_named_by_their_energies():
    energies = np.array([-0.002, -0.002 + 1e-15, 0.001])
    titles = state_titles(energies)
    assert titles[:2] == ["minimum 0: -2 meV", "minimum 1: -2 meV"]
    assert titles[2] == "minimum 2: 1 meV, 3 above the lowest"
    found = Minima(np.stack([UP] * 3), energies, np.ones(3, int), np.zeros(3), np.zeros((3, 12)), 0)
    shown = view(cluster(), states=found).scene["states"]
    assert [state["title"] for state in shown] == titles


def test_reference_is_a_state():
    found = interactions()
    ordered = Interactions(found.terms, found.convention, PLACES, reference=UP)
    page = view(ordered)
    assert [state["title"] for state in page.scene["states"]] == ["reference"]
    assert "deviations from the reference" in page.scene["about"]


def test_results_along_a_parameter():
    fields = [0.5, 1.0, 2.0]
    page = view([interactions(s) for s in fields], along={"field (T)": fields})
    exchange = page.scene["groups"][0]
    np.testing.assert_allclose(exchange["values"], np.outer(fields, [2.0, -1.0]))
    assert page.scene["frame"] == {"name": "field (T)", "values": fields, "sizes": False}
    assert scenes.frame_content("T (K)", [1.0])["values"] == [1.0]
    with pytest.raises(InputError, match="must name one parameter with 2 values"):
        view([interactions()] * 2, along={"field (T)": fields})
    with pytest.raises(InputError, match="of member 1 differ"):
        view([cluster(), cluster().without("six_spin")], along={"T (K)": [1.0, 2.0]})
    with pytest.raises(InputError, match="several of one kind"):
        view([cluster(), interactions()], along={"T (K)": [1.0, 2.0]})


def test_what_is_left_out_is_said():
    count = scenes.LARGEST + 10
    sites = np.stack([np.zeros(count, int), 1 + np.arange(count)], axis=1)
    values = np.linspace(1.0, 0.1, count) * MEV
    model = SpinModel([Term("exchange", sites, values)])
    page = view(model)
    assert any("circle" in note for note in page.scene["notes"])
    (note,) = (note for note in page.scene["notes"] if "largest of" in note)
    assert f"{scenes.LARGEST} largest of {count}" in note
    assert f"at most {values[scenes.LARGEST] / MEV:.3g} meV" in note
    np.testing.assert_allclose(page.scene["groups"][0]["values"][0], values[: scenes.LARGEST] / MEV)
    kept, notes = scenes.strongest([model_rows(cluster())])
    assert not notes and len(kept[0]) == len(cluster().terms)


def test_large_boxes_are_cut_about_their_middle():
    geometry, _ = scenes.geometry_of(lattice_model(), 2)
    places = scenes.Places(geometry)
    spins = np.zeros((50, 40, 2, 3))
    spins[..., 2] = np.arange(4000).reshape(50, 40, 2)
    (state,), (note,) = scenes.states_content(places, {"up": spins}, (50, 40))
    assert f"{scenes.MOST_SPINS // 2} of 2000 cells" in note
    assert len(state["spins"]) == scenes.MOST_SPINS
    # The rule of `spinOf` in page.js: row 25, column 20.
    index = state["cells"].index(25 * 40 + 20)
    assert [spin[2] for spin in state["spins"][2 * index : 2 * index + 2]] == [2040.0, 2041.0]
    many = dict.fromkeys(map(str, range(60)), spins)
    some, (_, note) = scenes.states_content(places, many, (50, 40))
    assert len(some) * scenes.MOST_SPINS == scenes.MOST_STATE_SPINS
    assert note == "States: the first 50 of 60 are here."
    cells = np.array([site["cell"] for site in places.content()])
    assert np.abs(np.median(cells, axis=0) - [25, 20]).max() <= 1


class Loads(HTMLParser):
    """Everything that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [f"{tag} {value}" for name, value in attrs if name in ("src", "href")]


def test_page_loads_nothing():
    page = view(cluster())
    loads = Loads()
    loads.feed(re.sub(r"<script>.*?</script>", "", page.html, flags=re.S))
    assert loads.found == []
    assert "default-src 'none'" in page.html and "connect-src" not in page.html
    own = Path(msgreen.__file__).parent / "page"
    assert not re.search(
        r"https?:", "".join((own / n).read_text() for n in ("page.js", "shapes.js", "page.css"))
    )
    # A name cannot end the block of numbers.
    assert data_of(page.html)["sites"][4]["symbol"] == "</script><b>"
    assert document(page.scene) == page.html


def test_page_shows_itself_in_notebooks(tmp_path):
    page = view(interactions())
    (inside,) = re.findall(r'srcdoc="(.*?)"', page._repr_html_(), re.S)
    assert html.unescape(inside) == page.html
    page.save(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == page.html
    assert isinstance(page, Page) and msgreen.view is view


def scan() -> xr.Dataset:
    values = np.arange(6.0).reshape(2, 3)
    names = {"J_iso": values, "J_iso_error": 0 * values + 1e-9, "B4_iso": -values, "kappa6": values}
    unit = {"units": "meV"}
    data = {name: (("dimension", "distance"), array, unit) for name, array in names.items()}
    coordinates = {"dimension": [1, 2], "distance": [2.0, 3.0, 5.0]}
    return xr.Dataset(data, coordinates, {"convention": "L"})


def test_scan_over_distance():
    content = scan_scene("scan.nc", scan(), "scan")
    groups = {group["name"]: group for group in content["groups"]}
    assert set(groups) == {f"{n}, {d}D" for n in ("J_iso", "B4_iso", "kappa6") for d in (1, 2)}
    assert groups["J_iso, 2D"]["values"] == [[3.0], [4.0], [5.0]]
    assert groups["J_iso, 2D"]["errors"] == [[1e-9]] * 3
    assert content["frame"] == {"name": "R (Å)", "values": [2.0, 3.0, 5.0], "sizes": True}
    places = np.array([site["place"] for site in content["sites"]])
    for group in content["groups"]:
        corners = places[group["sites"][0]]
        assert len(corners) == group["order"]
        sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
        np.testing.assert_allclose(sides, 1.0, rtol=1e-8)
    with pytest.raises(FileFormatError, match="coefficients in meV against distance"):
        scan_scene("scan.nc", scan()[["J_iso_error"]], "scan")


def pair_scan(*counts: int, steps: int = 2) -> xr.Dataset:
    """A scan of pairs as `msgreen.config.scan` writes it, without fields of the spins."""
    names = ("temperature_K", "ratio")[: len(counts)]
    random = np.random.default_rng(0)
    data = {}
    for name in ("F0", "mu", "J", "D", "mu_odd", "J_mixed"):
        dims = (*names, "steps") if name == "F0" else (*names, "steps", "xyz")
        shape = (*counts, steps) if name == "F0" else (*counts, steps, 3)
        size = 1e-12 if name.startswith("mu") else 1.0
        data[name] = (dims, size * random.normal(size=shape))
        data[f"{name}_error"] = (dims, np.full(shape, 1e-9))
    for name in ("gap", "gap_error"):
        data[name] = ((*names, "channel"), random.random((*counts, 1)))
    coords = {name: np.arange(1.0, 1 + n) for name, n in zip(names, counts, strict=True)}
    places = np.arange(1, 1 + steps)[:, None] * [0.0, 3.0, 0.0]
    known = {"steps": 1 + np.arange(steps), "xyz": list("xyz"), "channel": ["singlet"]}
    found = xr.Dataset(data, {**coords, **known}, {"form": "F0 + mu.(S1 + S2)"})
    found = found.assign_coords(displacement=(("steps", "xyz"), places))
    found["temperature_K"].attrs["units"] = "K"
    return found


def test_scans_draw_all_sites():
    """Also those without a number to show."""
    frame = scenes.frame_content("x", [0.0, 1.0])
    scene = scenes.scan_content({"title": "none"}, np.eye(3), [], frame)
    assert scene["title"] == "none" and scene["site_count"] == 3 and not scene["groups"]
    assert [site["place"] for site in scene["sites"]] == np.eye(3).tolist()


def test_scan_of_pairs_over_a_parameter():
    data = pair_scan(4)
    page = result_page(None, data, "scan")
    assert page is not None and is_pair_scan(data) and not is_pair_scan(scan())
    frame = page.scene["frame"]
    assert frame["name"] == "temperature (K)" and frame["values"] == [1.0, 2.0, 3.0, 4.0]
    assert frame["second"] is None and not frame["sizes"]
    shown = {group["name"]: group for group in page.scene["groups"]}
    # What is below its error everywhere, as the fields here, is left out.
    wanted = ["J_x", "J_y", "J_z", "D", "J_yz", "J_zx", "J_xy", "F0", "gap, singlet"]
    assert list(shown) == wanted
    np.testing.assert_allclose(shown["J_y"]["values"], data.J.sel(xyz="y") / MEV, rtol=1e-8)
    np.testing.assert_allclose(shown["J_zx"]["values"], data.J_mixed.sel(xyz="y") / MEV, rtol=1e-8)
    np.testing.assert_allclose(shown["D"]["vectors"], data.D / MEV, rtol=1e-8)
    np.testing.assert_allclose(shown["F0"]["values"], data.F0 / MEV, rtol=1e-8)
    np.testing.assert_allclose(shown["J_x"]["errors"], np.full((4, 2), 1e-6), rtol=1e-8)
    gaps = np.ravel(shown["gap, singlet"]["values"])
    np.testing.assert_allclose(gaps, data.gap.values.ravel() / MEV, rtol=1e-8)
    assert [shown[n]["order"] for n in ("J_x", "D", "F0", "gap, singlet")] == [2, 2, 0, 0]
    places = [site["place"] for site in page.scene["sites"]]
    assert places == [[0, 0, 0], [0, 3, 0], [0, 6, 0]]
    assert shown["J_x"]["sites"] == [[0, 1], [0, 2]]


def test_scan_of_pairs_over_two_parameters():
    data = pair_scan(3, 2)
    content = pair_scan_scene("scan.nc", data, "scan")
    assert content["frame"]["second"]["values"] == [1.0, 2.0]
    assert content["frame"]["second"]["name"] == "ratio"
    values = content["groups"][0]["values"]
    # The rule of `first` and `other` in page.js.
    for a, b in np.ndindex(3, 2):
        np.testing.assert_allclose(values[a * 2 + b], data.J[a, b, :, 0] / MEV, rtol=1e-8)


def test_long_scans_show_the_nearest_pairs():
    content = pair_scan_scene("scan.nc", pair_scan(MOST // 3, steps=4), "scan")
    assert len(content["sites"]) == 1 + 3
    assert content["notes"] == ["The first 3 of 4 distances are here."]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.drop_vars("D_error"),
        lambda data: data.transpose(),
        lambda data: data.isel(xyz=slice(2)),
        lambda data: data.isel(temperature_K=slice(0)),
        lambda data: data.isel(temperature_K=0),
        lambda data: data.assign(gap=data.F0),
    ],
)
def test_datasets_that_are_no_scan_of_pairs(spoil):
    with pytest.raises(FileFormatError, match=r"^scan\.nc: must hold a scan over one or two"):
        result_page(None, spoil(pair_scan(4)), "scan", "scan.nc")


def test_pages_of_folders(tmp_path):
    msgreen.write_netcdf(interactions(), tmp_path / "interactions.nc")
    assert read_page(tmp_path).scene["groups"][0]["name"] == "J_iso of pairs"
    assert read_page(tmp_path / "interactions.nc").scene["title"] == "interactions.nc"
    msgreen.io.write_dataset(scan(), tmp_path / "interactions.nc")
    assert read_page(tmp_path).scene["frame"]["sizes"]
    write_json(cluster(), tmp_path / "model.json")
    assert read_page(tmp_path).scene["groups"][0]["symbol"] == "K"
    states = xr.Dataset(
        {"directions": (("state", "site", "xyz"), UP[None]), "energy": ("state", [-0.001])}
    )
    msgreen.io.write_dataset(states, tmp_path / "states.nc")
    assert read_page(tmp_path).scene["states"][0]["title"] == "minimum 0: -1 meV"
    msgreen.io.write_dataset(states.isel(site=slice(2)), tmp_path / "states.nc")
    with pytest.raises(FileFormatError, match=r"states\.nc: must hold states of the spin model"):
        read_page(tmp_path)
    msgreen.io.write_dataset(xr.Dataset({"moment": ("T", [1.0])}), tmp_path / "map.nc")
    with pytest.raises(FileFormatError, match=r"map\.nc: must hold interactions, a scan or a spin"):
        read_page(tmp_path / "map.nc")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileFormatError, match="must hold results that can be shown"):
        read_page(tmp_path / "empty")


def test_command_writes_the_page(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    msgreen.write_netcdf(interactions(), tmp_path / "interactions.nc")
    assert main(["view", str(tmp_path)]) == 0
    assert data_of((tmp_path / "view.html").read_text(encoding="utf-8"))["title"] == tmp_path.name
    assert "view.html" in capsys.readouterr().out
    assert main(["view", "Cr3/Pt(111)", "--out", "pages/cr3.html"]) == 0
    shown = data_of((tmp_path / "pages" / "cr3.html").read_text(encoding="utf-8"))
    model = published_model("Cr3/Pt(111)")
    assert model is not None and len(shown["groups"]) == len(model.terms)
    # Pages are kept apart, and the user's file stays.
    (tmp_path / "view.html").write_text("mine")
    assert main(["view", "interactions.nc"]) == 2
    assert "view.html, written or changed by someone else" in capsys.readouterr().err


def test_options_of_the_command():
    commands = argparse.ArgumentParser().add_subparsers()
    add_view(commands)
    assert set(commands.choices) == {"view"} and PAGE == "view.html"


def test_results_that_no_page_shows_have_none():
    assert result_page(None, xr.Dataset({"a": ("x", [1.0])}), "a") is None
    assert result_page(None, None, "a") is None
    page = result_page(cluster(), xr.Dataset({"magnons": ("q", [1.0])}), "a")
    assert page is not None and page.scene["states"] == []


def test_page_of_a_run_is_not_written_again(tmp_path, capsys):
    assert main(["spinmodel", "Cr3/Pt(111)", "--starts", "4", "--out", str(tmp_path / "a")]) == 0
    page = tmp_path / "a" / "view.html"
    assert f"Page:     {page}" in capsys.readouterr().out
    states = data_of(page.read_text(encoding="utf-8"))["states"]
    assert states[0]["title"].startswith("minimum 0: -119.06")
    written = page.stat().st_mtime_ns
    for result in (tmp_path / "a", tmp_path / "a" / "model.json"):
        assert main(["view", str(result)]) == 0
        assert page.stat().st_mtime_ns == written
        assert capsys.readouterr().out == f"Page:     {page}\n"


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--enable-logging=stderr")
SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium")
def test_browser_draws_without_errors(tmp_path):
    from PIL import Image

    spins = {"up": UP}
    view(cluster(), states=spins).save(tmp_path / "page.html")
    options = (f"--user-data-dir={tmp_path / 'browser'}", "--host-resolver-rules=MAP * ~NOTFOUND")
    shot = (
        "--virtual-time-budget=8000",
        "--window-size=1000,700",
        f"--screenshot={tmp_path}/a.png",
    )
    page = (tmp_path / "page.html").as_uri()
    command = [str(CHROMIUM), *QUIET, *SOFTWARE, *options, *shot, page]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert [line for line in said if "Canvas2D: Multiple readback" not in line] == []
    structure = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"), int)[150:600, 20:560]
    coloured = np.ptp(structure, axis=-1) > 60  # bonds, arrows of D and spins on white
    assert coloured.mean() > 0.01
