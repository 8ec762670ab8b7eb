"""Entropy tables are probabilities, and mixtures find what latents have in common."""

import numpy as np
import pytest

from jcc_ros.codec.entropy import MAX_ROWS
from jcc_ros.training import tables
from jcc_ros.training.tables import TooFineError, clusters, fit_table


@pytest.fixture
def symbols() -> np.ndarray:
    """Of 3 channels with 2 elements each, whose spreads differ."""
    random = np.random.default_rng(0)
    spread = np.repeat([0.5, 2.0, 6.0], 2)
    return np.rint(random.normal(size=(2000, 6)) * spread).astype(np.int32)


def test_tables_are_probabilities_of_every_symbol_seen(symbols):
    table = fit_table(symbols, channels=3)
    np.testing.assert_allclose(table.rows.sum(axis=1), 1, atol=5e-4)
    assert table.rows.min() > 0
    assert (table.lowest, table.levels) == (symbols.min(), np.ptp(symbols) + 1)


def test_code_length_is_near_the_entropy(symbols):
    ideal = fit_table(symbols[:1000], channels=3).ideal_bits(symbols[1000:].clip(-15, 15)).mean()
    entropy = 0.0
    for element in symbols.T:
        share = np.unique(element, return_counts=True)[1] / len(element)
        entropy -= float((share * np.log2(share)).sum())
    assert entropy * 0.98 < ideal < entropy * 1.05


def test_one_symbol_alone_still_gets_a_table():
    table = fit_table(np.full((50, 4), 7, np.int32), channels=2)
    assert (table.lowest, table.levels) == (7, 2)
    assert table.rows[:, 0].min() > 0.99


def test_too_many_levels_are_refused():
    with pytest.raises(TooFineError, match="at most 256"):
        fit_table(np.arange(-300, 300, dtype=np.int32).reshape(-1, 1), channels=1)
    assert fit_table(np.arange(256, dtype=np.int32).reshape(-1, 1), channels=1).levels == 256


@pytest.mark.parametrize("sign", [-1, 1])
def test_symbols_beyond_what_a_file_holds_are_refused(sign):
    symbols = np.full((50, 1), sign * 2**15, np.int32)
    assert fit_table(symbols, channels=1).lowest == sign * 2**15
    with pytest.raises(TooFineError, match="coarser step"):
        fit_table(symbols + sign, channels=1)


def test_few_symbols_are_smoothed_by_those_of_the_channel_and_of_all_images():
    # 32 images, as many as the wider group counts for: an element of zeros, one of ones.
    symbols = np.tile(np.int32([0, 1]), (32, 1))
    for channels, own in ((1, 0.75), (2, 1.0)):
        rows = fit_table(symbols, channels).probabilities(0)
        np.testing.assert_allclose(rows, [[own, 1 - own], [1 - own, own]], atol=2e-3)
    # A quarter of the images shows 0, the others show 3.
    kinds = np.repeat(np.int32([0, 3]), [32, 96]).reshape(-1, 1)
    mixture = fit_table(kinds, channels=1, cluster=kinds.ravel().astype(np.int64))
    np.testing.assert_allclose(mixture.shares, [0.25, 0.75])
    np.testing.assert_allclose(mixture.probabilities(0)[0], [0.625, 0, 0, 0.375], atol=2e-3)


def test_the_rarest_ends_are_clipped():
    symbols = np.random.default_rng(0).integers(-2, 3, (1000, 300)).astype(np.int32)
    symbols[7, 299], symbols[9, 0] = 90, -90
    table = fit_table(symbols, channels=3)
    assert (table.lowest, table.levels) == (-2, 5)
    assert table.probabilities(0).min() > 0.15


@pytest.fixture
def kinds() -> tuple[np.ndarray, np.ndarray]:
    """Symbols of three kinds of images, [3000, 40], and the kinds."""
    random = np.random.default_rng(1)
    kind = random.integers(3, size=3000)
    centres = random.normal(size=(3, 40)) * 2
    return np.rint(centres[kind] + random.normal(size=(3000, 40))).astype(np.int32), kind


def test_a_mixture_pays_once_for_what_the_elements_have_in_common(kinds):
    symbols, kind = kinds
    alone = fit_table(symbols[:2000], channels=4).ideal_bits(symbols[2000:])
    mixture = fit_table(symbols[:2000], channels=4, cluster=kind[:2000])
    assert mixture.components == 3
    assert mixture.ideal_bits(symbols[2000:]).mean() < 0.8 * alone.mean()


def test_components_are_found_from_clusters_alone(kinds):
    symbols, kind = kinds
    found = clusters(symbols.astype(np.float32).reshape(-1, 4, 5, 2), 3)
    assert set(found) == {0, 1, 2}
    known, guessed = (fit_table(symbols, 4, cluster) for cluster in (kind, found))
    assert guessed.ideal_bits(symbols).mean() < 1.01 * known.ideal_bits(symbols).mean()


def test_few_images_make_few_components():
    latents = np.random.default_rng(0).normal(size=(120, 2, 2, 2)).astype(np.float32)
    assert clusters(latents, 16).max() == 1
    assert clusters(latents[:20], 16).max() == 0


def test_components_that_nobody_chooses_are_left_out():
    symbols = np.zeros((300, 4), np.int32)
    symbols[:150] = 3
    cluster = np.repeat([0, 1, 2], 100)
    table = fit_table(symbols, channels=1, cluster=cluster)
    assert table.components == 2
    assert table.shares.tolist() == [0.5, 0.5]


def test_half_precision_holds_a_table(kinds):
    rows = fit_table(kinds[0], channels=4, cluster=kinds[1]).rows
    np.testing.assert_array_equal(rows.astype(np.float16).astype(np.float32), rows)


@pytest.fixture
def wide() -> tuple[np.ndarray, np.ndarray]:
    """Symbols of four kinds, [3000, 200], whose spreads differ, and the kinds."""
    random = np.random.default_rng(2)
    kind = random.integers(4, size=3000)
    spreads = random.uniform(0.3, 3.0, size=(4, 200))
    return np.rint(random.normal(size=(3000, 200)) * spreads[kind]).astype(np.int32), kind


def test_more_rows_than_there_may_be_are_shared_at_little_cost(wide, monkeypatch):
    symbols, kind = wide
    shared = fit_table(symbols[:2500], channels=8, cluster=kind[:2500])
    assert shared.components * shared.elements == 800
    assert len(shared.rows) <= MAX_ROWS
    assert set(shared.indexes.ravel()) == set(range(len(shared.rows)))
    bits = {len(shared.rows): shared.ideal_bits(symbols[2500:]).mean()}
    for most in (20, 1):
        monkeypatch.setattr(tables, "MAX_ROWS", most)
        poorer = fit_table(symbols[:2500], channels=8, cluster=kind[:2500])
        assert len(poorer.rows) == most
        bits[most] = poorer.ideal_bits(symbols[2500:]).mean()
    many, twenty, one = bits.values()
    assert abs(many / twenty - 1) < 0.01
    assert max(many, twenty) < 0.95 * one


def test_elements_that_are_alike_share_a_row(symbols):
    twice = np.tile(symbols, (1, 2))
    assert len(fit_table(twice, channels=6).rows) == 6
