"""Ways to compute a `kernelet.convolution.problem.Problem`, one a file.

Each module offers ``applies(problem, window=None)``, ``error_bound(problem)`` (normwise, against
float64), ``work(problem)`` and ``run(problem, signal, window, threads=None)``.
"""
