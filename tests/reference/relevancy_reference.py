"""The paper's relevancy, item by item and cluster by cluster."""

import math


def relevance_by_hand(candidates, answered, labels, n_clusters, low, high, kappa=0.0):
    """r of each cluster; candidates and answered are lists of cluster numbers, labels 1 or -1."""
    found = []
    for cluster in range(n_clusters):
        share = candidates.count(cluster) / len(candidates)
        sides = []
        for side in (1, -1):
            total = sum(1 for label in labels if label == side)
            here = sum(1 for where, label in zip(answered, labels, strict=True) if (where, label) == (cluster, side))
            sides.append((here + kappa * share) / (total + kappa) if total + kappa > 0 else share)
        ratio = math.exp((sides[0] - sides[1]) / share) if share > 0 else 1.0
        found.append(min(max(ratio, low), high))
    return found


def select_by_hand(clusters, surprise, threshold, relevance):
    """floor(N_b r) of each cluster, highest surprise first, equals in their order."""
    chosen = set()
    for cluster, ratio in enumerate(relevance):
        members = [item for item, where in enumerate(clusters) if where == cluster]
        n_reported = sum(1 for item in members if surprise[item] > threshold)
        n = min(math.floor(n_reported * ratio + 1e-9), len(members))
        chosen.update(sorted(members, key=lambda item: -surprise[item])[:n])
    return [item in chosen for item in range(len(clusters))]
