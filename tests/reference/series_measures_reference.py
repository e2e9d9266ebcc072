"""The measures of scored series, written as they are defined: every threshold, every point."""

import itertools
import math

import numpy as np


def thresholds(scores):
    return sorted(set(scores), reverse=True)


def stretches(marked):
    found, start = [], None
    for place, value in enumerate([*marked, False]):
        if value and start is None:
            start = place
        if not value and start is not None:
            found.append(range(start, place))
            start = None
    return found


def best_f1(labels, scores):
    best = 0.0
    for threshold in thresholds(scores):
        true = sum(1 for label, score in zip(labels, scores, strict=True) if label and score >= threshold)
        alarms = sum(1 for score in scores if score >= threshold)
        best = max(best, 2 * true / (alarms + sum(labels)))
    return best


def adjusted_f1(labels, scores):
    """Every threshold: an alarm within an event makes all its points alarms."""
    best = 0.0
    for threshold in thresholds(scores):
        alarms = [score >= threshold for score in scores]
        for event in stretches(labels):
            if any(alarms[place] for place in event):
                for place in event:
                    alarms[place] = True
        true = sum(1 for label, alarm in zip(labels, alarms, strict=True) if label and alarm)
        best = max(best, 2 * true / (sum(alarms) + sum(labels)))
    return best


def event_rates(labels, alarms):
    found, events = stretches(alarms), stretches(labels)
    if not found:
        return 0.0, 0.0
    precision = sum(1 for run in found if any(labels[place] for place in run)) / len(found)
    recall = sum(1 for event in events if any(alarms[place] for place in event)) / len(events)
    return precision, recall


def widened(labels, buffer):
    """Degrees: 1 inside an event, sqrt(1 - d / buffer) at distance d up to half of the buffer from the nearest."""
    inside = [place for place, label in enumerate(labels) if label]
    degrees = []
    for place in range(len(labels)):
        distance = min(abs(place - other) for other in inside)
        if distance == 0:
            degrees.append(1.0)
        elif distance <= buffer // 2:
            degrees.append(math.sqrt(1 - distance / buffer))
        else:
            degrees.append(0.0)
    return degrees


def vus_pr(labels, scores, longest):
    areas = []
    for buffer in range(longest + 1):
        degrees = widened(labels, buffer)
        events = stretches([degree > 0 for degree in degrees])
        curve = [(0.0, 1.0)]
        for threshold in thresholds(scores):
            alarms = [score >= threshold for score in scores]
            true = sum(degree for degree, alarm in zip(degrees, alarms, strict=True) if alarm)
            met = sum(1 for event in events if any(alarms[place] for place in event)) / len(events)
            recall = min(true / ((sum(labels) + sum(degrees)) / 2), 1) * met
            curve.append((recall, true / sum(alarms)))
        areas.append(sum((r - q) * (p + o) / 2 for (q, o), (r, p) in itertools.pairwise(curve)))
    return float(np.mean(areas))
