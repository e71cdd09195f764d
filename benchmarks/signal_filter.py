"""Float32 signals of 10⁴ to 10⁷ samples, filters of 3 to 10⁵ taps, `full`: against SciPy.

Every result is compared with the float64 one before any time counts; then all methods of SciPy
that may be the fastest and those of kernelet take turns.

    python benchmarks/signal_filter.py [--rounds 7]
"""

from __future__ import annotations

from contenders.scipy_methods import compare_all

SAMPLES = (10**4, 10**5, 10**6, 10**7)
TAPS = (3, 10, 31, 100, 316, 10**3, 10**4, 10**5)

if __name__ == "__main__":
    compare_all(__doc__, [((n,), (k,)) for n in SAMPLES for k in TAPS], "full")
