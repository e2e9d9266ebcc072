"""Facts from rows: counting sort of rows by slice and window, roll-ups, and the reference windows of one target."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["roll_up", "rows_to_facts", "seen_between", "select_windows"]


@njit(cache=True, nogil=True)
def rows_to_facts(group, window, n_groups, values):
    """Sum rows of equal (group, window).

    Parameters
    ----------
    group, window : int32 arrays (n_rows,)
    values : float64 (n_measures, n_rows)

    Returns
    -------
    indptr (n_groups + 1,), window (n_facts,), sums (n_measures, n_facts): sorted by group, then window
    """
    n_measures, n_rows = values.shape
    indptr = np.zeros(n_groups + 1, np.int64)
    last = np.zeros(n_groups, np.int64)
    n_windows, in_order = 0, True
    for row in range(n_rows):
        g, w = group[row], window[row]
        indptr[g + 1] += 1
        in_order = in_order and w >= last[g]
        last[g] = w
        n_windows = max(n_windows, w + 1)
    for i in range(n_groups):
        indptr[i + 1] += indptr[i]
    order = np.empty(0 if in_order else n_rows, np.int64)
    if not in_order:
        begin = np.zeros(n_windows + 1, np.int64)
        for row in range(n_rows):
            begin[window[row] + 1] += 1
        for w in range(n_windows):
            begin[w + 1] += begin[w]
        for row in range(n_rows):
            order[begin[window[row]]] = row
            begin[window[row]] += 1
    place = indptr[:-1].copy()
    out_window = np.empty(n_rows, np.int32)
    out = np.empty((n_measures, n_rows))
    for k in range(n_rows):
        row = k if in_order else order[k]
        to = place[group[row]]
        place[group[row]] += 1
        out_window[to] = window[row]
        for m in range(n_measures):
            out[m, to] = values[m, row]
    size = 0
    for i in range(n_groups):
        first, end = indptr[i], indptr[i + 1]
        start = size
        for j in range(first, end):
            if size > start and out_window[size - 1] == out_window[j]:
                for m in range(n_measures):
                    out[m, size - 1] += out[m, j]
            else:
                if size < j:
                    out_window[size] = out_window[j]
                    for m in range(n_measures):
                        out[m, size] = out[m, j]
                size += 1
        indptr[i] = start
    indptr[n_groups] = size
    return indptr, out_window[:size].copy(), out[:, :size].copy()


@njit(cache=True, nogil=True)
def _first_from(window, begin, end, wanted):
    """Place of the first of the ascending window[begin:end] that is at least `wanted`; `end` if none is."""
    while begin < end:
        middle = (begin + end) // 2
        if window[middle] < wanted:
            begin = middle + 1
        else:
            end = middle
    return begin


@njit(cache=True, nogil=True)
def roll_up(group, n_groups, n_windows, indptr, window, values):
    """Sum the facts of slices that share a group: facts of the groups, in the form of `rows_to_facts`."""
    n_slices, n_measures = len(indptr) - 1, values.shape[0]
    begin = np.zeros(n_groups + 1, np.int64)
    most = np.zeros(n_groups, np.int64)
    for i in range(n_slices):
        begin[group[i] + 1] += 1
        most[group[i]] += indptr[i + 1] - indptr[i]
    for g in range(n_groups):
        begin[g + 1] += begin[g]
    place = begin[:-1].copy()
    members = np.empty(n_slices, np.int64)
    for i in range(n_slices):
        members[place[group[i]]] = i
        place[group[i]] += 1
    capacity = 0
    for g in range(n_groups):
        capacity += min(most[g], n_windows)
    out_indptr = np.zeros(n_groups + 1, np.int64)
    out_window = np.empty(capacity, np.int32)
    out = np.empty((n_measures, capacity))
    sums, seen = np.zeros((n_measures, n_windows)), np.zeros(n_windows, np.bool_)
    size = 0
    for g in range(n_groups):
        low, high = n_windows, -1
        for j in range(begin[g], begin[g + 1]):
            for fact in range(indptr[members[j]], indptr[members[j] + 1]):
                w = window[fact]
                seen[w] = True
                low, high = min(low, w), max(high, w)
                for m in range(n_measures):
                    sums[m, w] += values[m, fact]
        for w in range(low, high + 1):
            if seen[w]:
                out_window[size] = w
                seen[w] = False
                for m in range(n_measures):
                    out[m, size] = sums[m, w]
                    sums[m, w] = 0.0
                size += 1
        out_indptr[g + 1] = size
    return out_indptr, out_window[:size].copy(), out[:, :size].copy()


@njit(cache=True, nogil=True)
def seen_between(indptr, window, since, last):
    """bool (n_slices,): whether a slice has a fact in the windows since .. last."""
    n_slices = len(indptr) - 1
    seen = np.zeros(n_slices, np.bool_)
    for i in range(n_slices):
        begin, end = indptr[i], indptr[i + 1]
        if end > begin and window[begin] <= last and window[end - 1] >= since:
            place = _first_from(window, begin, end, since)
            seen[i] = place < end and window[place] <= last
    return seen


@njit(cache=True, nogil=True)
def select_windows(indptr, window, position, target, amount, exposure, excluded, since=0):
    """The facts in the reference windows of one target window, and those in the target.

    Parameters
    ----------
    position : int32 (n_windows,)
        Place of each window among the reference windows, -1 where it is none.
    amount, exposure : float64 (n_facts,); exposure is empty for a KPI without a denominator
    excluded : bool (n_facts,) or empty
    since : first window that exists: facts before it are as if they were not there

    Returns
    -------
    indptr, position, amount, exposure, left_out of the reference; then for each slice its amount and exposure in the
    target (NaN where there is no fact) and the first reference position at or after its first fact (n_reference if
    none)
    """
    n_slices = len(indptr) - 1
    has_exposure, has_excluded = len(exposure) > 0, len(excluded) > 0
    n_windows = len(position)
    n_reference = 0
    first_window, last_window = n_windows, -1
    for w in range(n_windows):
        if position[w] >= 0:
            n_reference += 1
            first_window, last_window = min(first_window, w), max(last_window, w)
    next_position = np.full(n_windows + 1, n_reference, np.int32)
    for w in range(n_windows - 1, -1, -1):
        next_position[w] = position[w] if position[w] >= 0 else next_position[w + 1]
    capacity = 0
    for i in range(n_slices):
        capacity += min(indptr[i + 1] - indptr[i], n_reference)
    out_indptr = np.zeros(n_slices + 1, np.int64)
    out_position = np.empty(capacity, np.int32)
    out_amount = np.empty(capacity)
    out_exposure = np.empty(capacity if has_exposure else 0)
    out_excluded = np.zeros(capacity if has_excluded else 0, np.bool_)
    now_amount, now_exposure = np.full(n_slices, np.nan), np.full(n_slices, np.nan)
    first = np.full(n_slices, n_reference, np.int32)
    size = 0
    for i in range(n_slices):
        begin, end = indptr[i], indptr[i + 1]
        if since > 0:
            begin = _first_from(window, begin, end, since)
        if end > begin:
            first[i] = next_position[window[begin]]
        low = _first_from(window, begin, end, first_window)
        for fact in range(low, end):
            w = window[fact]
            if w == target:
                now_amount[i] = amount[fact]
                now_exposure[i] = exposure[fact] if has_exposure else 1.0
            if w >= target:
                break
            if position[w] >= 0:
                out_position[size] = position[w]
                out_amount[size] = amount[fact]
                if has_exposure:
                    out_exposure[size] = exposure[fact]
                if has_excluded:
                    out_excluded[size] = excluded[fact]
                size += 1
        out_indptr[i + 1] = size
    return (
        out_indptr,
        out_position[:size],
        out_amount[:size],
        out_exposure[:size] if has_exposure else out_exposure,
        out_excluded[:size] if has_excluded else out_excluded,
        now_amount,
        now_exposure,
        first,
    )
