"""Median of a short array, many times a second."""

from __future__ import annotations

from numba import njit

__all__ = ["median_in_place"]

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
    """Hoare's selection of the upper middle; of an even number the lower one is the largest of what lies before it."""
    middle = n // 2
    low, high = 0, n - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                held = values[i]
                values[i] = values[j]
                values[j] = held
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            break
    upper = values[middle]
    if n % 2:
        return upper
    lower = values[0]
    for k in range(1, middle):
        lower = max(lower, values[k])
    return 0.5 * (lower + upper)
