import numpy as np

from jcc_ros.codec.entropy import MAX_ROWS, EntropyTable


def random_table(
    rng: np.random.Generator, elements: int, levels: int, lowest: int, components: int = 1
) -> EntropyTable:
    """Return a table as calibration makes them: between flat and sharply peaked rows."""

    def rows(columns: int, *shape: int) -> np.ndarray:
        drawn = rng.dirichlet(np.full(columns, rng.uniform(0.05, 2)), size=shape)
        return ((1 - 1e-3) * drawn + 1e-3 / columns).astype(np.float32)

    count = rng.integers(1, MAX_ROWS + 1)
    indexes = rng.integers(0, count, (components, elements), np.uint8)
    return EntropyTable(rows(levels, count), indexes, rows(components), lowest)


def single(rows: np.ndarray, lowest: int) -> EntropyTable:
    """Return a table of one component, whose elements have a row each."""
    indexes = np.arange(len(rows), dtype=np.uint8)[None]
    return EntropyTable(rows, indexes, np.ones(1, np.float32), lowest)
