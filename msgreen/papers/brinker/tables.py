"""Tables 2-7 of Brinker, dos Santos Dias, Lounis, Phys. Rev. Research 2, 033240 (2020).

The numbers as printed, in meV, from calculations within density functional theory. What the columns
mean is said in `msgreen.papers.brinker.models`.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np


def _table(text: str) -> Mapping[str, np.ndarray]:
    """Rows by their label, the label being the first word of a line."""
    rows = (line.split() for line in text.strip().splitlines())
    return MappingProxyType({label: np.array(numbers, float) for label, *numbers in rows})


STRUCTURES = _table("""
Cr3/Pt(111)   17.3  3.09  17.5  3.33
Mn3/Pt(111)   15.9  3.76  17.5  4.05
Fe3/Pt(111)   18.1  3.08  17.5  3.24
Co3/Pt(111)   19.4  2.11  17.5  2.12
Cr4/Pt(001)   21.6  2.93  22.5  3.04
Fe4/Pt(001)   24.4  3.25  22.5  3.19
Cr3/Re(0001)  20.3  1.50  15.0  1.80
Mn3/Re(0001)  14.1  3.17  15.0  3.07
Fe3/Re(0001)  15.5  2.58  15.0  2.55
Co3/Re(0001)  16.7  1.31  15.0  1.38
Cr3/Au(111)   15.4  3.61  17.5  4.09
Mn3/Au(111)   19.0  3.88  17.5  4.26
Fe3/Au(111)   19.5  2.92  17.5  3.24
Co3/Au(111)   19.5  2.00  17.5  2.05
""")
"""Table 2: relaxation towards the surface (%) and moment (mu_B), of Quantum Espresso and as used in
KKR for the spin model. The relaxation used is printed once for each surface."""

FIT_ERRORS = _table("""
Cr3/Pt(111)   4.78  3.39  1.12
Mn3/Pt(111)   1.09  0.63  0.27
Fe3/Pt(111)   2.35  2.16  0.80
Co3/Pt(111)   1.29  1.18  0.91
Cr3/Re(0001)  1.54  0.77  0.57
Mn3/Re(0001)  2.06  1.63  1.19
Fe3/Re(0001)  1.36  1.20  1.18
Co3/Re(0001)  0.66  0.45  0.39
Cr3/Au(111)   4.46  3.49  0.68
Mn3/Au(111)   1.38  0.43  0.38
Fe3/Au(111)   3.81  2.66  1.57
Co3/Au(111)   1.98  1.51  0.58
Cr4/Pt(001)   6.60  2.49  1.95  1.69
Fe4/Pt(001)   2.85  1.62  1.41  1.26
""")
"""Table 3: mean absolute error of the constraining fields (meV) with two-spin, and then also
four-spin interactions of two, three and four sites in the fit."""

TRIMERS = _table("""
Cr3/Pt(111)    74.35  -4.43 -4.49  -6.25  -1.85 -0.03   7.72  -0.54 -0.09 -2.23
Mn3/Pt(111)    62.58   5.68  0.78   1.72   0.97 -0.04   1.23   0.47 -0.09  0.23
Fe3/Pt(111)   -50.00   4.66  0.94  -1.21  -1.23  0.01   4.48   0.02  1.46 -1.31
Co3/Pt(111)   -66.24  -7.84  5.05   0.67   1.33 -0.15  -1.68  -0.22 -0.38  0.22
Cr3/Re(0001)    9.33  -7.90 -0.78  -2.69   0.45 -0.23   0.55   1.05 -0.84  1.46
Mn3/Re(0001)   -3.72 -11.88  0.04  -2.63  -1.30  0.51   2.01  -1.55  1.41 -1.71
Fe3/Re(0001)  -16.14   1.52  2.12  -1.38   0.50 -0.53  -0.07   0.62 -0.52  0.40
Co3/Re(0001)   -5.66   4.47 -1.67  -0.98  -0.19  0.21  -0.43   0.06  0.29 -0.02
Cr3/Au(111)    88.10  -3.73  1.69  -5.10  -1.07  0.53   8.06   0.22 -1.19 -0.06
Mn3/Au(111)   -10.40   4.94  1.76   2.65   0.06 -0.27   0.25  -0.18  0.56 -0.25
Fe3/Au(111)  -113.04   3.66 -3.53  -5.52  -0.38  2.14   5.02   1.07 -1.06  1.71
Co3/Au(111)   -72.41   0.34 -2.20   2.39   0.27 -0.80  -3.14  -0.78  1.12  0.79
""")
"""Table 4: interactions of trimers."""

TETRAMER_PAIRS = _table("""
Cr4/Pt(001)   29.09  11.69   0.42  1.22 -0.70  -11.54 -0.58  2.34  0.66  0.11
Fe4/Pt(001)  -25.07  -2.44  -1.28 -0.40  4.35   -4.34 -0.20  0.98  0.52 -0.47
""")
"""Table 5, first block: two-site interactions of tetramers."""

TETRAMER_MULTISITE = _table("""
Cr4/Pt(001)  -2.69 -0.82 -0.89  0.81 -1.91 0.40  0.61  0.09 -0.31 -0.26 0.32 -1.15 1.26  0.87  0.95  1.19
Fe4/Pt(001)   0.20  1.09 -0.26 -0.37 -1.57 0.04 -0.72 -0.52 -0.16 -0.26 0.22  0.15 1.10 -0.86 -0.28 -0.60
""")  # noqa: E501
"""Table 5, second block: three-site and four-site interactions of tetramers."""

TRIMER_MATRICES = _table("""
Cr3/Pt(111)   1.02  2.82 -1.08  -0.04 -0.17  0.29
Mn3/Pt(111)  -2.68 -1.15  1.00   0.05 -0.72  0.29
Fe3/Pt(111)  -0.56 -0.31  2.47   0.68  0.10 -0.65
Co3/Pt(111)  -0.74 -4.33  0.40   0.14 -0.07 -0.47
Cr3/Re(0001)  0.97 -3.96 -1.21  -0.23  1.43 -0.06
Mn3/Re(0001)  1.48 -5.71 -1.82  -1.16  1.04  0.18
Fe3/Re(0001)  2.18  2.59 -0.89  -0.33 -0.65  0.05
Co3/Re(0001) -0.95  2.51  0.40   0.00  0.33 -0.27
Cr3/Au(111)   0.13  0.38 -0.38   0.03 -0.08  0.09
Mn3/Au(111)  -0.03  1.29  0.78   0.39 -0.00 -0.45
Fe3/Au(111)  -0.27 -1.41  0.46  -0.20  0.26 -0.10
Co3/Au(111)  -2.25 -4.72 -1.81  -0.26  0.49  0.31
""")
"""Table 6: on-site and exchange anisotropy of trimers."""

TETRAMER_MATRICES = _table("""
Cr4/Pt(001)  0.04 0.10  2.44  -0.29 -1.41 -0.09  0.84  2.75
Fe4/Pt(001)  0.62 0.14 -0.66  -0.65  0.35  0.33  0.08 -2.49
""")
"""Table 7: on-site and exchange anisotropy of tetramers."""
