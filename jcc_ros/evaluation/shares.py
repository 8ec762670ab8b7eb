"""What counts of right and wrong frames say of a classifier."""

import math
from collections import Counter
from statistics import NormalDist
from typing import Any

_QUANTILE = NormalDist().inv_cdf(0.975)


def interval(right: int, judged: int) -> tuple[float, float]:
    """Return Wilson's 95 % confidence interval of a share (E. B. Wilson, JASA 22, 1927)."""
    # Five lines, where scipy.stats would take a second and 60 MB to load.
    share, square = right / judged, _QUANTILE**2
    middle = share + square / (2 * judged)
    reach = _QUANTILE * math.sqrt(share * (1 - share) / judged + square / (4 * judged**2))
    whole = 1 + square / judged
    return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)


def per_class(confusion: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return frames, precision, recall and F1 of every class, in alphabetical order."""
    truths, labels = Counter[str](), Counter[str]()
    for (truth, label), count in confusion.items():
        truths[truth] += count
        labels[label] += count
    rows = []
    for name in sorted({*truths, *labels}):
        shown, told, right = truths[name], labels[name], confusion[name, name]
        rows.append(
            {
                "class": name,
                "frames": shown,
                "labelled_so": told,
                "recall": right / shown if shown else None,
                "precision": right / told if told else None,
                "f1": 2 * right / (shown + told),
            }
        )
    return rows
