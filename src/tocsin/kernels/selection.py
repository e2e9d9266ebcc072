"""Order statistics of short arrays, many times a second: the k-th smallest, the median."""

from __future__ import annotations

from numba import njit

__all__ = ["median_in_place", "select_in_place"]

SHORT = 64
"""Up to here ranks are counted: n^2 comparisons without a branch beat any selection, which guesses wrongly."""


@njit(cache=True, nogil=True, error_model="numpy")
def median_in_place(values, n):
    """Median of the first `n` (1 or more) of `values`, whose order may change; no NaN among them."""
    if n > SHORT:
        return _selected(values, n)
    middle = n // 2
    upper = lower = values[0]
    for i in range(n):
        value, below, up_to = values[i], 0, 0
        for j in range(n):
            below += values[j] < value
            up_to += values[j] <= value
        if below <= middle < up_to:
            upper = value
        if below <= middle - 1 < up_to:
            lower = value
    return upper if n % 2 else 0.5 * (lower + upper)


@njit(cache=True, nogil=True, error_model="numpy")
def _selected(values, n):
    """By selection of the upper middle; of an even number the lower one is the largest of what lies before it."""
    middle = n // 2
    select_in_place(values, 0, n - 1, middle)
    upper = values[middle]
    if n % 2:
        return upper
    lower = values[0]
    for k in range(1, middle):
        lower = max(lower, values[k])
    return 0.5 * (lower + upper)


@njit(cache=True, nogil=True)
def select_in_place(values, low, high, k):
    """Hoare's selection: afterwards values[k] is in its sorted place, smaller ones before, larger ones after."""
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            return
