"""Synthetic tables obey their law, cover its range and repeat with the seed."""

from __future__ import annotations

import numpy as np
import pytest

from discover.errors import InputError
from discover.expressions import evaluate
from discover.law import get_law, load_library
from discover.law.synthetic import synthetic_table

CHINCHILLA = get_law("chinchilla")


def test_noise_free_rows_lie_on_the_law() -> None:
    table = synthetic_table(CHINCHILLA, CHINCHILLA.guess, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(
        table.targets[:, 0], evaluate(CHINCHILLA.expr, {**table.features, **CHINCHILLA.guess})
    )
    assert len(table) == 50
    assert table.target_names == ("loss",)
    assert table.group_names == ("all",)


def test_columns_stay_in_the_typical_range() -> None:
    for law in load_library().values():
        table = synthetic_table(law, law.guess, 100, np.random.default_rng(0))
        for name, variable in law.variables.items():
            if variable.role not in ("unique_data", "proportion"):
                assert variable.range[0] * (1 - 1e-12) <= table.features[name].min(), (law.id, name)
                assert table.features[name].max() <= variable.range[1] * (1 + 1e-12), (law.id, name)


def test_unique_tokens_never_exceed_tokens() -> None:
    law = get_law("sld_data_constrained")
    for design in ("random", "grid"):
        table = synthetic_table(law, law.guess, 300, np.random.default_rng(0), design=design)
        assert np.all(table.features["unique_tokens"] <= table.features["tokens"] * (1 + 1e-12))
        assert np.ptp(np.log(table.features["tokens"] / table.features["unique_tokens"])) > 1


def test_five_proportions_make_up_the_whole() -> None:
    law = get_law("sld_domain_mixture")
    table = synthetic_table(law, law.guess, 200, np.random.default_rng(0))
    shares = np.stack([table.features[f"p{k}"] for k in range(1, 6)])
    np.testing.assert_allclose(shares.sum(axis=0), 1.0)
    np.testing.assert_allclose(shares.mean(axis=1), 0.2, atol=0.03)


def test_two_proportions_leave_a_rest() -> None:
    law = get_law("projektor_mixture")
    table = synthetic_table(law, law.guess, 200, np.random.default_rng(0))
    total = table.features["p1"] + table.features["p2"]
    assert np.all((total > 0) & (total < 1))


@pytest.mark.parametrize("n", [9, 10, 40])
def test_grid_has_few_levels_and_at_least_the_wanted_rows(n: int) -> None:
    table = synthetic_table(CHINCHILLA, CHINCHILLA.guess, n, np.random.default_rng(0), design="grid")
    assert n <= len(table) <= 2 * n
    assert len(np.unique(table.features["params"])) == int(np.ceil(n**0.5))
    assert table.features["params"].max() == pytest.approx(1.6e10)


def test_noise_is_relative_where_targets_have_one_sign() -> None:
    clean = synthetic_table(CHINCHILLA, CHINCHILLA.guess, 4000, np.random.default_rng(5))
    noisy = synthetic_table(CHINCHILLA, CHINCHILLA.guess, 4000, np.random.default_rng(5), noise=0.01)
    assert np.std(np.log(noisy.targets / clean.targets)) == pytest.approx(0.01, rel=0.05)


def test_noise_scales_with_the_spread_where_signs_differ() -> None:
    law = get_law("observational_compute")
    clean = synthetic_table(law, law.guess, 4000, np.random.default_rng(5))
    noisy = synthetic_table(law, law.guess, 4000, np.random.default_rng(5), noise=0.1)
    expected = 0.1 * np.std(clean.targets)
    assert np.std(noisy.targets - clean.targets) == pytest.approx(expected, rel=0.05)


def test_same_seed_same_table_other_seed_other_table() -> None:
    first, again, other = (
        synthetic_table(CHINCHILLA, CHINCHILLA.guess, 20, np.random.default_rng(seed), noise=0.01) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.targets, again.targets)
    assert not np.array_equal(first.targets, other.targets)


def test_missing_constant_is_named() -> None:
    with pytest.raises(InputError, match="no value for the constant alpha"):
        synthetic_table(CHINCHILLA, {"E": 1.0, "A": 1.0, "B": 1.0, "beta": 1.0}, 5, np.random.default_rng(0))


def test_value_that_is_not_finite_is_refused_with_its_row() -> None:
    law = get_law("loss_to_loss")
    with pytest.raises(InputError, match="source_loss = "):
        synthetic_table(law, law.guess | {"E_x": 3.0}, 50, np.random.default_rng(0))
