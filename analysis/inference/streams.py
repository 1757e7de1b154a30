"""Random numbers of toys: one stream for each toy, whatever thread or shard makes it.

Generator: xoshiro256++ of D. Blackman and S. Vigna, ACM Trans. Math. Softw. 47 (2021)
36, seeded by their splitmix64. Poisson: W. Hoermann, Insur. Math. Econ. 12 (1993) 39.
"""

from __future__ import annotations

import math

import numpy as np

from nuem.analysis.inference.compiling import inlined, kernel

__all__ = ["fluctuate", "normal", "poisson", "seed_stream", "uniform"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_U11, _U17, _U19, _U23 = np.uint64(11), np.uint64(17), np.uint64(19), np.uint64(23)
_U27, _U30, _U31, _U41 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(41)
_U45 = np.uint64(45)
_TO_UNIT = 2.0**-53


@inlined
def _mix(x):
    x = (x ^ (x >> _U30)) * _MIX_A
    x = (x ^ (x >> _U27)) * _MIX_B
    return x ^ (x >> _U31)


@kernel
def seed_stream(state, seed, stream, index):
    """Set a state of shape (4,) from three numbers: seed, use, number of the toy."""
    x = _mix(np.uint64(seed) + _GOLDEN)
    x = _mix(x ^ (np.uint64(stream) * _MIX_A + _GOLDEN))
    x = _mix(x ^ (np.uint64(index) * _MIX_B + _GOLDEN))
    for k in range(4):
        x += _GOLDEN
        state[k] = _mix(x)


@inlined
def uniform(state):
    """Next number in (0, 1)."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    total = s0 + s3
    result = ((total << _U23) | (total >> _U41)) + s0
    shifted = s1 << _U17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << _U45) | (s3 >> _U19)
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3
    return (float(result >> _U11) + 0.5) * _TO_UNIT


@inlined
def normal(state):
    """Next standard normal number."""
    radius = math.sqrt(-2.0 * math.log(uniform(state)))
    return radius * math.cos(2.0 * math.pi * uniform(state))


@kernel
def poisson(state, mean):
    """Next Poisson count; 0 where the mean is not above 0."""
    if not mean > 0.0:
        return 0.0
    if mean < 10.0:
        u = uniform(state)
        term = math.exp(-mean)
        k = 0.0
        while u > term and k < 200.0:
            u -= term
            k += 1.0
            term *= mean / k
        return k
    root = math.sqrt(mean)
    log_mean = math.log(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse = 1.1239 + 1.1328 / (b - 3.4)
    limit = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform(state) - 0.5
        v = uniform(state)
        room = 0.5 - abs(u)
        k = math.floor((2.0 * a / room + b) * u + mean + 0.43)
        if room >= 0.07 and v <= limit:
            return k
        if k < 0.0 or (room < 0.013 and v > room):
            continue
        left = math.log(v) + math.log(inverse) - math.log(a / (room * room) + b)
        if left <= -mean + k * log_mean - math.lgamma(k + 1.0):
            return k


@kernel
def fluctuate(state, kind, width, means, aux_means, n, aux, with_aux):
    """Draw a toy: counts, and auxiliary data unless they are held."""
    for i in range(n.size):
        n[i] = poisson(state, means[i])
    for j in range(kind.size):
        aux[j] = aux_means[j]
        if with_aux and kind[j] == 1:
            aux[j] += width[j] * normal(state)
        elif with_aux and kind[j] == 2:
            aux[j] = poisson(state, aux_means[j])
