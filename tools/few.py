#!/usr/bin/env python3
"""Takes a few images of every class: tools/few.py CIFAR.npz FEW.npz COUNT

Always the same ones, so that trainings on them can be compared.
"""

import sys
from pathlib import Path

import numpy as np

from jcc_ros.datasets.files import load, save_npz
from jcc_ros.networks.preprocess import Preprocess


def main(source: str, target: str, count: str) -> None:
    data = load(Path(source), Preprocess(height=32, width=32))
    random = np.random.default_rng(0)
    classes = (np.flatnonzero(data.labels == label) for label in range(len(data.classes)))
    taken = [random.permutation(members)[: int(count)] for members in classes]
    save_npz(data.subset(np.sort(np.concatenate(taken))), Path(target))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
