"""How far two judges agree: Cohen's kappa, plain and weighted, precision and recall, a table of both.

The figures are scikit-learn's. Cohen (1960, 1968): kappa is agreement beyond chance; with quadratic weights a
difference of two levels counts four times one of one level. Where kappa is not defined (no pairs, or both judges used
one and the same category only) it is None.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from simulator.critique import Value
from simulator.errors import UsageError


class Agreement(Value):
    """Two judges over the same things.

    ``n``: pairs; ``exact``: share of pairs that are equal; ``kappa``: Cohen's, quadratic-weighted for numbers.
    """

    n: int
    exact: float | None
    kappa: float | None


def of_categories(first: Sequence[object], second: Sequence[object]) -> Agreement:
    """Agreement of names, or of yes and no."""
    return _agreement([str(one) for one in first], [str(one) for one in second])


def of_levels(first: Sequence[int], second: Sequence[int]) -> Agreement:
    """Agreement of numbers on a scale, the kappa with quadratic weights."""
    seen = [*first, *second]
    # All numbers in between: scikit-learn counts the distance of two in places of this list.
    scale = list(range(min(seen), max(seen) + 1)) if seen else []
    return _agreement(list(first), list(second), weights="quadratic", labels=scale)


def table(labelled: Sequence[str], found: Sequence[str], names: Sequence[str]) -> list[list[int]]:
    """How often each label (row) met each finding (column), both in the order of `names`."""
    if not labelled:
        return [[0] * len(names) for _ in names]
    counts: list[list[int]] = _metrics().confusion_matrix(labelled, found, labels=list(names)).tolist()
    return counts


def precision_and_recall(labelled: Sequence[bool], found: Sequence[bool]) -> tuple[float | None, float | None]:
    """Of what was found, the share that is labelled; of what is labelled, the share that was found."""
    precision = _metrics().precision_score(labelled, found, zero_division=math.nan) if any(found) else None
    recall = _metrics().recall_score(labelled, found, zero_division=math.nan) if any(labelled) else None
    return (None if precision is None else float(precision)), (None if recall is None else float(recall))


def _agreement(first: list[Any], second: list[Any], **how: object) -> Agreement:
    if not first:
        return Agreement(n=0, exact=None, kappa=None)
    exact = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where kappa is not defined, and gives nan
        kappa = float(_metrics().cohen_kappa_score(first, second, **how))
    return Agreement(n=len(first), exact=exact, kappa=None if math.isnan(kappa) else kappa)


def check_installed() -> None:
    """See that the figures can be worked out.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    _metrics()


def _metrics() -> Any:
    """Scikit-learn's metrics: large, and needed by nobody who does not measure."""
    try:
        from sklearn import metrics  # type: ignore[import-untyped]
    except ImportError as error:
        raise UsageError("measuring_needs") from error
    return metrics
