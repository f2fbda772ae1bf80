"""Quadrature on the sphere of spin directions."""

import numpy as np

from msgreen._typing import Float


def sphere_rule(
    degree: int,
) -> tuple[Float[np.ndarray, "point 3"], Float[np.ndarray, " point"]]:
    """Return points and weights that integrate polynomials up to 2 `degree` + 1 on the sphere.

    Parameters
    ----------
    degree : int
        At least 0. Products of two polynomials up to this degree are integrated exactly.

    Returns
    -------
    points : real array, shape (2 (degree + 1)^2, 3)
        Unit vectors: Gauss-Legendre in the height, equidistant in the azimuth.
    weights : real array, shape (2 (degree + 1)^2,)
        Their sum is 4 pi.
    """
    height, weight = np.polynomial.legendre.leggauss(degree + 1)
    count = 2 * degree + 2
    azimuth = 2 * np.pi * (np.arange(count) + 0.5) / count
    radius = np.sqrt(1 - height**2)[:, None]
    columns = radius * np.cos(azimuth), radius * np.sin(azimuth), height[:, None]
    points = np.stack(np.broadcast_arrays(*columns), axis=-1)
    return points.reshape(-1, 3), np.repeat(weight * 2 * np.pi / count, count)
