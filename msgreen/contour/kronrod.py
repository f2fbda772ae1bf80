"""Gauss-Kronrod pairs on [-1, 1] for any number of nodes."""

from functools import lru_cache

import numpy as np

from msgreen.errors import InputError

FEWEST_NODES = 7
"""A Gauss rule of three nodes within seven; with fewer the error estimate says nothing."""


MOST_NODES = 2001
"""Setting up a rule of so many nodes takes seconds, and 61 serve 1e-13."""


def check_node_count(name: str, nodes: int) -> None:
    """Raise InputError unless `nodes` is an odd integer from 7 to `MOST_NODES`."""
    whole = isinstance(nodes, (int, np.integer)) and nodes % 2
    if not whole or not FEWEST_NODES <= nodes <= MOST_NODES:
        raise InputError(
            f"Argument `{name}` must be an odd integer of at least {FEWEST_NODES} and at most "
            f"{MOST_NODES}, but it is {nodes!r}. A Gauss-Kronrod pair of n and 2n+1 nodes is built "
            "on it, for example 15, 31 or 61."
        )


def _jacobi_kronrod(n: int) -> np.ndarray:
    """Off-diagonal squares of the Jacobi-Kronrod matrix (Laurie's mixed moments).

    For a symmetric weight all diagonal entries vanish, so only the recurrence of the
    squares `b` is carried.
    """
    b = np.zeros(2 * n + 1)
    k = np.arange(1, (3 * n + 1) // 2 + 1)
    b[0] = 2.0
    b[1 : len(k) + 1] = k**2 / (4.0 * k**2 - 1.0)
    s = np.zeros(n // 2 + 3)
    t = np.zeros(n // 2 + 3)
    t[1] = b[n + 1]
    for m in range(n - 1):
        u = 0.0
        for k in range((m + 1) // 2, -1, -1):
            row = m - k
            u += b[k + n + 1] * s[k] - b[row] * s[k + 1]
            s[k + 1] = u
        s, t = t, s
    s[1:] = s[:-1].copy()
    for m in range(n - 1, 2 * n - 2):
        u = 0.0
        for k in range(m + 1 - n, (m - 1) // 2 + 1):
            row = m - k
            j = n - 1 - row
            u += -b[k + n + 1] * s[j + 1] + b[row] * s[j + 2]
            s[j + 1] = u
        if m % 2 == 1:
            j = n - 1 - m + (m - 1) // 2
            b[(m + 1) // 2 + n + 1] = s[j + 1] / s[j + 2]
        s, t = t, s
    return b


@lru_cache(maxsize=64)
def gauss_kronrod(nodes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss-Kronrod pair with `nodes` = 2n+1 nodes on [-1, 1].

    Parameters
    ----------
    nodes : int
        Odd number of nodes.

    Returns
    -------
    x : ndarray, shape (nodes,)
        Nodes in ascending order.
    kronrod : ndarray, shape (nodes,)
        Weights of the rule of degree 3n+1.
    gauss : ndarray, shape (nodes,)
        Weights of the n-point Gauss rule; zero on the nodes it does not use.

    References
    ----------
    D. P. Laurie, Math. Comp. 66, 1133 (1997); W. Gautschi, Orthogonal Polynomials,
    Oxford (2004).
    """
    n = (nodes - 1) // 2
    off = np.sqrt(_jacobi_kronrod(n)[1:])
    x, vectors = np.linalg.eigh(np.diag(off, 1) + np.diag(off, -1))
    kronrod = 2 * vectors[0] ** 2
    x = (x - x[::-1]) / 2
    kronrod = (kronrod + kronrod[::-1]) / 2
    gauss = np.zeros(nodes)
    x[1::2], gauss[1::2] = np.polynomial.legendre.leggauss(n)
    return x, kronrod, gauss
