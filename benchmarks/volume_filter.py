"""Float32 volumes of 128³, filters of 3³ to 15³, `same`: against SciPy.

Every result is compared with the float64 one before any time counts; then all methods of SciPy
that may be the fastest and those of kernelet take turns.

    python benchmarks/volume_filter.py [--rounds 7]
"""

from __future__ import annotations

from contenders.scipy_methods import compare_all

if __name__ == "__main__":
    compare_all(__doc__, [((128,) * 3, (k,) * 3) for k in (3, 5, 7, 9, 11, 13, 15)], "same")
