"""Recompute the table of poles used beyond |z| = 2.

Run ``python -m msgreen_kernels.hankel.coefficients`` to print the table in the form
of ``table.py``. Only this script needs mpmath.

With w = -iz (Re w >= 0) the modified Bessel functions give two Stieltjes functions,

    sqrt(2 w / pi) e^w K_0(w) = 1 - S_0(w),    sqrt(2 w / pi) e^w K_1(w) = 1 + S_1(w),

whose sum has a positive measure on the cut w < 0. A multipoint Padé approximant of
S_0 + S_1 that interpolates value and slope at points x_i closed under conjugation has
positive poles s_j: they are the eigenvalues of the Hermitian pencil (M, L), where

    L_ij = -(h_i - h_j*) / (x_i - x_j*) = sum_k A_k / ((x_i + s_k)(x_j* + s_k)),
    M_ij = (x_i h_i - x_j* h_j*) / (x_i - x_j*) = sum_k s_k A_k / ((x_i + s_k)(x_j* + s_k)).

The weights of S_0 and of S_1 over these common poles follow from interpolating each of
them at the x_i. The points lie where the error is largest, on the rim of |w| >= 2,
Re w >= 0: seven conjugate pairs on the imaginary axis, three on the arc.

References
----------
G. A. Baker and P. Graves-Morris, Padé Approximants (Cambridge, 1996), chapter 5.
"""

import mpmath as mp

# Points of interpolation on the rim of |w| >= RADIUS, below which the series is summed: pairs on
# the axis, and angles of those on the arc in units of pi. Tests measure what the choice leaves.
RADIUS = 2
AXIS = 7
ARC = (0.12, 0.27, 0.42)
# A choice, far beyond the 17 digits of the table.
DIGITS = 100


def stieltjes(w) -> tuple:
    """Return S_0, S_1 and their derivatives at `w`."""
    prefactor = mp.sqrt(2 * w / mp.pi) * mp.exp(w)
    f0, f1 = prefactor * mp.besselk(0, w), prefactor * mp.besselk(1, w)
    slope = 1 + 1 / (2 * w)
    return 1 - f0, f1 - 1, f1 - slope * f0, (slope - 1 / w) * f1 - f0


def interpolation_points() -> list:
    """Return the interpolation points in the plane of w, closed under conjugation."""
    modulus = mp.mpf(1) / 2
    quarter = mp.ellipk(modulus)
    upper = []
    for k in range(AXIS):
        u = mp.ellipfun("dn", (2 * k + 1) * quarter / (2 * AXIS), m=modulus) ** 2
        upper.append(mp.mpc(0, RADIUS * u / (1 - u)))
    upper += [RADIUS * mp.expj(mp.pi * mp.mpf(str(fraction))) for fraction in ARC]
    return upper + [mp.conj(x) for x in upper]


def pencil(x, h, slope) -> tuple:
    """Return the Hermitian matrices L and M of the module docstring."""
    n = len(x)
    loewner, shifted = mp.matrix(n, n), mp.matrix(n, n)
    for i in range(n):
        for j in range(n):
            xj, hj = mp.conj(x[j]), mp.conj(h[j])
            if abs(x[i] - xj) < mp.mpf(10) ** (-DIGITS // 2):
                loewner[i, j], shifted[i, j] = -slope[i], h[i] + x[i] * slope[i]
            else:
                loewner[i, j] = (hj - h[i]) / (x[i] - xj)
                shifted[i, j] = (x[i] * h[i] - xj * hj) / (x[i] - xj)
    return loewner, shifted


def poles() -> list[tuple[float, float, float]]:
    """Return the rows (s_j, A0_j, A1_j) of the table."""
    with mp.workdps(DIGITS):
        x = interpolation_points()
        values = [stieltjes(w) for w in x]
        loewner, shifted = pencil(x, [v[0] + v[1] for v in values], [v[2] + v[3] for v in values])
        inverse = mp.cholesky(loewner) ** -1
        s = [mp.re(e) for e in mp.eighe(inverse * shifted * inverse.H, eigvals_only=True)]
        cauchy = mp.matrix([[1 / (w + sj) for sj in s] for w in x])
        weights = [mp.lu_solve(cauchy, mp.matrix([v[order] for v in values])) for order in (0, 1)]
        rows = zip(s, weights[0], weights[1], strict=True)
        return [(float(sj), float(mp.re(a0)), float(mp.re(a1))) for sj, a0, a1 in rows]


def source() -> str:
    """Return the text of ``table.py``."""
    rows = "\n".join(f"    ({s!r}, {a0!r}, {a1!r})," for s, a0, a1 in poles())
    return (
        '"""Poles s_j and weights A0_j, A1_j of S_0 and S_1, written by ``coefficients.py``."""\n\n'
        f"POLES = (\n{rows}\n)\n"
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(source())
