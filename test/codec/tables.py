import numpy as np

from jcc_ros.codec.entropy import EntropyTable


def random_table(rng: np.random.Generator, elements: int, levels: int, lowest: int) -> EntropyTable:
    """Return a table as calibration makes them: between flat and sharply peaked rows."""
    rows = rng.dirichlet(np.full(levels, rng.uniform(0.05, 2)), size=elements)
    return EntropyTable(((1 - 1e-3) * rows + 1e-3 / levels).astype(np.float32), lowest)
