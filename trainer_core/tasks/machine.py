"""How fast this machine multiplies matrices."""

from __future__ import annotations

import time

import numpy as np

_SIDE = 512
_AT_LEAST, _FOR = 5, 0.08
"""So many products, and for so many seconds: other work slows many of them down, but seldom all."""


def gflops() -> float:
    """Of a matrix product in float32, on all cores: 10^9 operations a second, at best. Measured in about 0.1 s."""
    matrix = np.ones((_SIDE, _SIDE), np.float32)
    product = matrix @ matrix  # the first one starts the threads
    fastest = float("inf")
    began, times = time.perf_counter(), 0
    while times < _AT_LEAST or time.perf_counter() < began + _FOR:
        begun = time.perf_counter()
        np.matmul(matrix, matrix, out=product)
        fastest = min(fastest, time.perf_counter() - begun)
        times += 1
    return round(2 * _SIDE**3 / fastest / 1e9, 1)
