"""How far methods are ahead of another one at equal bits, as numbers and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from matplotlib import rcParams

from jcc_ros.evaluation.curves import Curve, accuracy_at, picture

Seeds = Sequence[Curve]  # of one method, one curve a seed

_SAMPLES = 200
_SHOWN = -4, 8  # points; what is farther ahead or behind leaves the picture


def reached_at(seeds: Seeds, bits: float) -> list[float]:
    """Return each seed's accuracy, in per cent, at a number of bits."""
    found = (accuracy_at(curve, bits) for curve in seeds)
    return [100 * accuracy for accuracy in found if accuracy is not None]


def lead(seeds: Seeds, others: Seeds, bits: float) -> float | None:
    """Return by how many points the mean over seeds is ahead of the others' at equal bits.

    Seeds that cost more even at their cheapest are left out; None if all of one side do.
    """
    ours, theirs = reached_at(seeds, bits), reached_at(others, bits)
    return mean(ours) - mean(theirs) if ours and theirs else None


def draw_leads(others: Seeds, methods: Mapping[str, Seeds], title: str, file: Path) -> None:
    """Write a picture of the leads over `others`, where all seeds of both were measured.

    A band shows the deviation of the others' own seeds. What is farther behind than the picture
    reaches, or nowhere measured at as many bits, is left out.
    """
    name = others[0].name
    with picture(file, title, f"points ahead of {name}") as axes:
        if len(others) > 1:
            bits = _bits(others)
            around = np.array([stdev(reached_at(others, b)) for b in bits])
            axes.fill_between(bits, -around, around, color="0.85", label=f"{name}: deviation")
        axes.axhline(0, color="0.5", linewidth=0.8)
        colours = len(rcParams["axes.prop_cycle"])
        for position, (label, seeds) in enumerate(methods.items()):
            bits = _bits([*seeds, *others])
            ahead = [lead(seeds, others, b) for b in bits]
            if len(bits) and max(ahead) >= _SHOWN[0]:
                axes.plot(bits, ahead, "-" if position < colours else "--", label=label)
        axes.set_ylim(_SHOWN)
        axes.yaxis.set_major_formatter("{x:+g}")


def _bits(curves: Seeds) -> np.ndarray:
    """Return numbers of bits at which all curves were measured."""
    low = max(curve.points[0][0] for curve in curves)
    high = min(curve.points[-1][0] for curve in curves)
    return np.geomspace(low, high, _SAMPLES if low < high else 0)
