"""What binds pairs: an attraction, channel by channel."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp

from msgreen import _checks
from msgreen._typing import Array, ArrayLike, Complex, Float
from msgreen.errors import InputError
from msgreen.lattice.geometry import Lattice
from msgreen.lattice.nambu import Pairing, on_cells


class Attraction(eqx.Module):
    """An attraction of electrons in some channels, from which a pair potential follows.

    Two electrons at the ends of a bond, or on one site, gain V if they pair in the form phi of the
    channel: for `s_wave` the interaction is -V n_up n_down on every site. In mean field the pair
    potential is Delta phi with Delta = -V tr(phi^+ rho) / tr(phi^+ phi), rho being the block of the
    density matrix that joins particles to holes, and it costs (Delta^2 / 2 V) tr(phi^+ phi).

    Parameters
    ----------
    forms : sequence of Pairing
        phi of every channel, homogeneous: `s_wave`, `p_wave`, `d_wave` of amplitude 1, or any
        other. The relative phases of the channels are theirs.
    strengths : real array, shape (channel,)
        V in eV, greater than zero; differentiable.

    Raises
    ------
    InputError
        If there is no form, forms are of different lattices or vary in space, or a strength is
        missing or not positive.

    Examples
    --------
    >>> from msgreen.lattice.nambu import s_wave
    >>> Attraction([s_wave(Lattice.square(), 1.0)], [2.0]).weights()
    Array([2.], dtype=float64)
    """

    forms: Complex[Array, "channel hop atom spinorb atom spinorb"]
    strengths: Float[Array, " channel"]
    lattice: Lattice = eqx.field(static=True)
    cells: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __init__(self, forms: Sequence[Pairing], strengths: Float[ArrayLike, " channel"]):
        forms = list(forms) if isinstance(forms, list | tuple) else []
        if not forms or not all(isinstance(form, Pairing) for form in forms):
            raise InputError(
                "Argument `forms` must hold a Pairing for every channel, but it does not. Give a "
                "list, as [s_wave(lattice, 1.0)]."
            )
        shapes = {(form.lattice, form.blocks.shape[1:]) for form in forms}
        if len(shapes) > 1 or forms[0].blocks.ndim > 5:
            raise InputError(
                "Argument `forms` must be homogeneous and of one lattice with the same orbitals, "
                "but they are not. Build them from one Lattice."
            )
        _checks.shaped("strengths", strengths, (len(forms),))
        _checks.positive("strengths", strengths, "eV")
        self.lattice = forms[0].lattice
        self.cells = tuple(sorted({cell for form in forms for cell in form.cells}))
        blocks = [on_cells(form.cells, form.blocks, self.cells) for form in forms]
        self.forms = jnp.stack(blocks)
        self.strengths = jnp.asarray(strengths, float)
        empty = _checks.concrete(self.weights())
        if empty is not None and not empty.all():
            raise InputError(
                "Argument `forms` must not vanish, but one does. Give it the amplitude 1."
            )

    def weights(self) -> Float[Array, " channel"]:
        """Return tr(phi^+ phi) of every channel, summed over the bonds of a cell."""
        return jnp.sum(jnp.abs(self.forms) ** 2, axis=(1, 2, 3, 4, 5))

    def pairing(self, amplitudes: Complex[ArrayLike, " channel"]) -> Pairing:
        """Return the pair potential with given amplitudes Delta in eV."""
        _checks.finite_array("amplitudes", amplitudes, self.strengths.shape)
        amplitudes = jnp.asarray(amplitudes).astype(complex)
        return Pairing(self.lattice, self.cells, jnp.tensordot(amplitudes, self.forms, axes=1))
