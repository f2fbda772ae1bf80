"""What a lattice model says about order: J(q), temperatures, magnons on a standard path."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from msgreen._typing import ArrayLike, Float, Scalar
from msgreen.errors import InputError
from msgreen.spinmodel import SpinModel, magnons, ordering_temperatures
from msgreen.spinmodel.states import Magnons, OrderingTemperatures, exchange_levels, interacting
from msgreen.spinmodel.states.spirals import FourierExchange
from msgreen.units import BOLTZMANN, MEV


class State(NamedTuple):
    """A state about which spins may wave.

    Attributes
    ----------
    name : str
    directions : real array, shape (site, 3)
        Of cell 0.
    q : real array, shape (dim,)
        Of the spiral about the axis; zero for a state that repeats in every cell.
    axis : real array, shape (3,)
    """

    name: str
    directions: np.ndarray
    q: np.ndarray
    axis: np.ndarray = np.array([0.0, 0.0, 1.0])


def temperatures(model: SpinModel) -> OrderingTemperatures | None:
    """Return the temperatures of isotropic exchange, None if there is none that favours an order.

    Parameters
    ----------
    model : SpinModel
        Of a lattice.
    """
    with suppress(InputError):
        return ordering_temperatures(model)
    return None


def about_temperatures(model: SpinModel, found: OrderingTemperatures | None) -> list[str]:
    """Return the wave vector that isotropic exchange favours, and temperatures, in words.

    Parameters
    ----------
    model : SpinModel
        Of a lattice.
    found : OrderingTemperatures or None
    """
    if found is None:
        return ["Isotropic exchange favours no order"]
    inner, _ = interacting(model.with_terms([model["exchange"]]))
    best, centre = (exchange_levels(inner, q)[0] / MEV for q in (found.q, 0 * found.q))
    kelvin = [
        f"{value / BOLTZMANN:.1f} K within {error / BOLTZMANN:.1g} K"
        for value, error in (found.mean_field, found.rpa)
    ]
    if np.isnan(found.rpa.value):
        kelvin[1] = "none, as the order is not collinear"
    if found.rpa.value == 0:
        kelvin[1] = "0 K, as in layers and chains isotropic exchange alone does not order"
    wave = " ".join(f"{x:.4f}" for x in found.q + 0.0)
    return [
        f"J(q) is largest at q = ({wave}): {best:.4f} meV; J(0) = {centre:.4f} meV",
        f"Isotropic exchange of these pairs orders: mean field {kelvin[0]}; random phase "
        f"approximation {kelvin[1]}",
    ]


def largest_wave(model: SpinModel, q: Float[ArrayLike, " dim"]) -> State:
    """Return the planar spiral of the largest eigenvalue of J(q), for isotropic exchange.

    Parameters
    ----------
    model : SpinModel
        Of a lattice.
    q : real array, shape (dim,)
    """
    inner, sites = interacting(model.with_terms([model["exchange"]]))
    matrix = FourierExchange(inner).matrices(np.asarray(q))[::3, ::3]
    phase = np.angle(np.linalg.eigh(matrix)[1][:, 0])
    directions = np.tile([1.0, 0.0, 0.0], (model.site_count, 1))
    directions[sites] = np.stack([np.cos(phase), np.sin(phase), 0 * phase], axis=1)
    return State("the spiral of the largest J(q)", directions, np.asarray(q))


def magnons_about(
    model: SpinModel,
    states: Iterable[State],
    moments: Scalar | Float[ArrayLike, " site"],
) -> tuple[list[str], Magnons | None]:
    """Return the magnons of the first state that is stable, and what there is to say.

    Parameters
    ----------
    model : SpinModel
        Of a lattice.
    states : iterable of State
    moments : float or real array, shape (site,)
        In Bohr magnetons.
    """
    lines: list[str] = []
    unstable = None
    for state in states:
        try:
            found = magnons(model, state.directions, moments=moments, q=state.q, axis=state.axis)
        except InputError as error:
            lines.append(f"No magnons about {state.name}: {error}")
            continue
        if found.waves.stable.all():
            return [*lines, _top(found, state.name)], found
        lines.append(
            f"{state.name[0].upper()}{state.name[1:]} is unstable at "
            f"{np.mean(~found.waves.stable):.0%} of the wave vectors"
        )
        unstable = unstable or found
    return lines, unstable


def _top(found: Magnons, name: str) -> str:
    highest = found.waves.energies.max() / MEV
    return f"Magnons about {name}: up to {highest:.1f} meV"


def magnon_table(found: Magnons) -> tuple[Sequence[str], list[tuple]]:
    """Return header and rows of J(q) and magnons along the path.

    Parameters
    ----------
    found : Magnons
    """
    path = found.path
    dim, sites = path.k.shape[1], found.exchange.shape[1]
    header = (
        "distance_per_angstrom",
        "corner",
        *(f"q{n + 1}" for n in range(dim)),
        *(f"J_{n + 1}_meV" for n in range(sites)),
        *(f"magnon_{n + 1}_meV" for n in range(sites)),
        "stable",
    )
    # Where the path jumps two rows have the same distance.
    corners = zip(path.ticks.tolist(), path.labels, strict=True)
    names = {distance: label.split("|") for distance, label in corners}
    rows = []
    for n, distance in enumerate(path.distance.tolist()):
        numbers = [*path.k[n], *found.exchange[n] / MEV, *found.waves.energies[n] / MEV]
        corner = names.get(distance)
        rows.append(
            (
                distance,
                corner.pop(0) if corner else "",
                *map(float, numbers),
                int(found.waves.stable[n]),
            )
        )
    return header, rows
