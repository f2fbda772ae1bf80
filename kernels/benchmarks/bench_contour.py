"""True and estimated errors of the contours, as Markdown tables for docs/contours.md.

Run it from the root of the repository: python kernels/benchmarks/bench_contour.py
"""

import sys
from pathlib import Path

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
sys.path[:0] = [str(Path(__file__).parents[2] / folder) for folder in ("tests", ".", "kernels")]

from integrals import HBAR2_OVER_M, PROBLEMS, loop_1d_exact  # noqa: E402

from msgreen.contour import fermi_line, imaginary_axis, matsubara  # noqa: E402

SHOWN = (
    "line/1 1D N=2 q_F=0.167 L=30",
    "line/1 1D N=4 q_F=0.167 L=30",
    "line/1 1D N=6 q_F=0.167 L=6",
    "line/1 2D pair q_F=1.0 L=30",
    "line/100 1D N=4 q_F=0.167 L=30",
    "semicircle 1D N=2 q_F=0.167 L=30",
    "semicircle infinite chain R=5",
    "semicircle T=0.002 infinite chain R=5",
    "semicircle T=0.01 infinite chain R=5",
    "axis 1D N=2 q_F=0.167 L=30",
    "axis BdG ln det",
    "step local",
    "step BdG ln det",
    "poles T=0.003 ln det",
    "poles T=0.003 chain R=7",
    "sum T=0.05 local",
)


def cell(contour, integrand, exact):
    values = integrand(np.asarray(contour.nodes))
    value, error = contour.integrate(values)
    scale = np.abs(np.asarray(contour.weights) * values).sum() / np.pi
    return f"{abs(float(value) - exact) / scale:.0e} / {float(error) / scale:.0e}"


def table(title, rows):
    print(f"\n{title}\n")
    print(*rows, sep="\n")


def problems():
    for problem in (p for name in SHOWN for p in PROBLEMS if p.name == name):
        cells = [
            f"{n}: {cell(problem.contour(n), problem.integrand, problem.exact)}"
            for n in problem.nodes
        ]
        yield f"| {problem.name} | {' | '.join(cells[:6])} |"


def line_ratios(shortest=20.0, fermi=0.167, rashba=0.0135):
    for ratio in (1, 3, 10, 30, 100, 1000):
        cells = []
        for nodes in (21, 31, 41, 51, 61):
            contour = fermi_line(fermi, rashba, HBAR2_OVER_M, shortest, shortest * ratio, nodes)
            q = np.sqrt(2 * np.asarray(contour.nodes) / HBAR2_OVER_M + rashba**2)
            worst = [0.0, 0.0]
            for length in shortest * np.geomspace(1, ratio, 5):
                for order in (2, 4, 6):
                    values = np.exp(1j * q * length) / q**order
                    value, error = contour.integrate(values)
                    scale = np.abs(np.asarray(contour.weights) * values).sum() / np.pi
                    true = abs(float(value) - loop_1d_exact(order, length, fermi))
                    worst = np.maximum(worst, [true / scale, float(error) / scale])
            cells.append(f"{worst[0]:.0e} / {worst[1]:.0e}")
        yield f"| {ratio} | {' | '.join(cells)} |"


def node_counts(make, ratios, accuracies=(1e-6, 1e-8, 1e-10, 1e-12)):
    for ratio in ratios:
        counts = [str(len(make(ratio, accuracy).nodes)) for accuracy in accuracies]
        yield f"| {ratio:g} | {' | '.join(counts)} |"


def main():
    table("Nodes: true / estimated error, relative to the scale", problems())
    table("fermi_line, longest/shortest: 21, 31, 41, 51, 61 nodes", line_ratios())
    table(
        "imaginary_axis, bandwidth/gap: nodes for 1e-6, 1e-8, 1e-10, 1e-12",
        node_counts(
            lambda r, a: imaginary_axis(0.0, 1.0, r, accuracy=a), (10.0, 100.0, 1e3, 1e4, 1e6)
        ),
    )
    table(
        "matsubara, bandwidth/temperature: nodes for 1e-6, 1e-8, 1e-10, 1e-12",
        node_counts(lambda r, a: matsubara(1.0, 0.0, r, a), (70.0, 700.0, 7e3, 7e4)),
    )


if __name__ == "__main__":
    main()
