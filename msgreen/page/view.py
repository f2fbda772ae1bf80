"""`view`: a result as a page."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from msgreen import _checks
from msgreen._typing import ArrayLike, Float
from msgreen.errors import InputError
from msgreen.io.atomic import replacing
from msgreen.page.document import document
from msgreen.page.rows import Rows, interaction_rows, model_rows
from msgreen.page.scene import (
    Places,
    centre_of,
    frame_content,
    geometry_of,
    groups,
    states_content,
    strongest,
)
from msgreen.spinmodel import SpinModel
from msgreen.spinmodel.interactions import Interactions
from msgreen.spinmodel.states import Minima
from msgreen.units import MEV

Result = SpinModel | Interactions

_SAME = 1e-9
"""Relative difference of energies below which it is rounding."""


class Page:
    """A page that shows itself in notebooks, and can be written to a file.

    Attributes
    ----------
    scene : mapping
        What it shows: sites, clusters with their values in meV, states, a parameter; what JSON
        can hold.
    """

    def __init__(self, scene: Mapping) -> None:
        self.scene = scene

    @property
    def html(self) -> str:
        """The whole page, about 5 MB, nearly all of it plotly.js."""
        return document(self.scene)

    def save(self, path: str | Path) -> None:
        """Write the page as one HTML file, which needs no network.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        with replacing(path) as part:
            part.write_text(self.html, encoding="utf-8")

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        return f'<iframe srcdoc="{page}" style="width: 100%; height: 640px; border: 0"></iframe>'


def view(
    result: Result | Sequence[Result],
    *,
    states: Minima | Mapping[str, Float[ArrayLike, "*box site 3"]] | None = None,
    along: Mapping[str, Float[ArrayLike, " point"]] | None = None,
    title: str = "",
) -> Page:
    """Show interactions or a spin model on a page to turn about.

    Parameters
    ----------
    result : SpinModel or Interactions, or a sequence of one of them
        A sequence has been computed along a parameter, and every member has the same clusters.
    states : Minima, or mapping of str to real array, shape ([cells,] site, 3), optional
        Directions of the spins to flip through, by title. By default those of the reference of
        `result`, if it has one.
    along : mapping of str to sequence of float, optional
        The parameter of a sequence: its name with its unit, and one value for each member.
    title : str
        By default what the result is.

    Returns
    -------
    Page
        The last expression of a notebook's cell shows it; `Page.save` writes it to a file.

    Raises
    ------
    InputError
        If `result` is none, the members of a sequence differ in their clusters, or shapes do not
        fit.

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import msgreen
    >>> from msgreen.spinmodel import SpinModel, Term
    >>> trimer = SpinModel([Term("exchange", [[0, 1], [1, 2], [2, 0]], [0.010] * 3)])
    >>> page = msgreen.view(trimer)
    >>> page.scene["groups"][0]["values"]
    [[10.0, 10.0, 10.0]]
    """
    frames = list(result) if isinstance(result, Sequence) else [result]
    kinds = {type(member) for member in frames}
    if len(kinds) != 1 or not isinstance(frames[0], Result):
        raise InputError(
            "Argument `result` must be a spin model or interactions, or several of one kind, but "
            f"it is {type(result).__name__}. Give what `compute_interactions` or "
            "`read_model` return."
        )
    rows, left_out = strongest(_same_clusters(frames))
    count = _site_count(frames[0], rows[0])
    spins = _states(frames[0], count, states)
    geometry, notes = geometry_of(frames[0], count)
    places = Places(geometry)
    box = next((np.shape(state)[:-2] for state in spins.values()), (1,) * len(geometry.vectors))
    centre = centre_of(box)
    for site in range(len(geometry.positions)):
        places.number(site, centre.tolist())
    drawn = groups(rows, places, centre)
    shown, cut = states_content(places, spins, box)
    return Page(
        {
            "title": title or _title(frames[0]),
            "about": _about(frames[0]),
            "notes": [*notes, *left_out, *cut],
            "vectors": geometry.vectors.tolist(),
            "centre": centre.tolist(),
            "sites": places.content(),
            "site_count": len(geometry.positions),
            "groups": drawn,
            "states": shown,
            "frame": _frame(along, len(frames)),
        }
    )


def _same_clusters(frames: Sequence[Result]) -> list[list[Rows]]:
    found = [
        model_rows(member) if isinstance(member, SpinModel) else interaction_rows(member)
        for member in frames
    ]
    named = [[(r.name, r.sites.tolist(), r.cells.tolist()) for r in rows] for rows in found]
    for number, other in enumerate(named):
        if other != named[0]:
            raise InputError(
                "Argument `result` must hold members with the same clusters, but those of member "
                f"{number} differ from those of the first. Compute them with the same loops."
            )
    return found


def _states(first: Result, count: int, states) -> Mapping[str, np.ndarray]:
    if states is None:
        reference = first.reference if isinstance(first, Interactions) else None
        return {} if reference is None else {"reference": np.asarray(reference)}
    if isinstance(states, Minima):
        states = dict(zip(state_titles(states.energies), states.directions, strict=True))
    if not isinstance(states, Mapping):
        raise InputError(
            "Argument `states` must be minima or a mapping of titles to directions, but it is "
            f"{type(states).__name__}. Give {{'title': directions}}."
        )
    model = first if isinstance(first, SpinModel) else None
    axes = 2 + (model.dimension if model else 0)
    found: dict[str, np.ndarray] = {}
    for title, given in states.items():
        _checks.numbers("states", given)
        spins = np.asarray(given, float)
        like = next(iter(found.values()), spins).shape
        if spins.ndim != axes or spins.shape[-2:] != (count, 3) or spins.shape != like:
            cells = "cells, " if axes > 2 else ""
            raise InputError(
                f"Argument `states` must hold directions of one shape ({cells}{count}, 3), but "
                f"that of {title!r} is {spins.shape}. Give a vector for each site."
            )
        # What couples to nothing points nowhere.
        _checks.unit_vectors("states", spins[..., model.coupled, :] if model else spins)
        found[str(title)] = spins
    return found


def state_titles(energies: Float[np.ndarray, " minimum"]) -> list[str]:
    """Return titles of minima with their energies in eV, the lowest first."""
    return [
        f"minimum {n}: {energy / MEV:.6g} meV"
        + (f", {above / MEV:.3g} above the lowest" if above > _SAME * abs(energies[0]) else "")
        for n, (energy, above) in enumerate(zip(energies, energies - energies[0], strict=True))
    ]


def _site_count(result: Result, rows: list[Rows]) -> int:
    if isinstance(result, SpinModel):
        count = result.site_count
    elif result.positions is not None:
        count = len(result.positions)
    else:
        count = 1 + max((int(some.sites.max()) for some in rows), default=-1)
    return count


def _frame(along: Mapping[str, ArrayLike] | None, count: int) -> Mapping | None:
    if along is None and count == 1:
        return None
    wanted = f"one parameter with {count} values, one for each member of `result`"
    if along is None or len(along) != 1:
        raise InputError(
            f"Argument `along` must name {wanted}, but it is {along}. Give "
            "{'name (unit)': values}."
        )
    ((name, values),) = along.items()
    _checks.finite("along", values)
    if np.shape(values) != (count,):
        raise InputError(
            f"Argument `along` must name {wanted}, but those of {name!r} have the shape "
            f"{np.shape(values)}. Give one number for each."
        )
    return frame_content(name, values)


def _title(result: Result) -> str:
    if isinstance(result, Interactions):
        host = result.source.get("host", "")
        return f"Interactions of {host}" if host else "Interactions"
    kind = "a lattice" if result.dimension else "a cluster"
    return f"Spin model of {kind} of {result.site_count} sites"


def _about(result: Result) -> str:
    if isinstance(result, SpinModel):
        per = " per cell" if result.dimension else ""
        return f"The energy is the sum of the forms, every row once{per}; unit vectors; meV."
    convention = result.convention
    sign = "+" if convention.sign > 0 else "−"
    count = "ordered sets of sites" if convention.ordered else "unordered clusters"
    what = "deviations from the reference" if result.reference is not None else "spins"
    return (
        f"Convention {convention.name}: sign {sign}, sum over {count}, coefficients of {what}; meV."
    )
