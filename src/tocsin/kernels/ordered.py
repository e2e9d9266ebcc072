"""The newest of some numbers, kept in order: arrays that are changed in place."""

from __future__ import annotations

from numba import njit

__all__ = ["first_at_least", "first_beyond", "keep_in_order"]


@njit(cache=True, nogil=True, error_model="numpy")
def first_at_least(ordered, n, value):
    """The place of the first of ordered[:n] that is `value` or more; n where none is."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True, error_model="numpy")
def first_beyond(ordered, n, value):
    """The place of the first of ordered[:n] that is more than `value`; n where none is."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True, error_model="numpy")
def keep_in_order(ordered, ring, n, head, memory, value):
    """Take a number in; the oldest leaves when `memory` are known. Returns the new n and head.

    ordered, ring : (room,), changed; the n known numbers in order, and as they came, the oldest at `head` once there
        are `memory` of them
    """
    place = first_at_least(ordered, n, value)
    if n < memory:
        for j in range(n, place, -1):
            ordered[j] = ordered[j - 1]
        ordered[place] = value
        ring[n] = value
        return n + 1, 0
    gone = first_at_least(ordered, n, ring[head])
    if gone < place:
        for j in range(gone, place - 1):
            ordered[j] = ordered[j + 1]
        ordered[place - 1] = value
    else:
        for j in range(gone, place, -1):
            ordered[j] = ordered[j - 1]
        ordered[place] = value
    ring[head] = value
    return n, (head + 1) % memory
