"""Every law of the library is whole, readable and gives plausible values; the loader refuses what is not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from discover.errors import InputError
from discover.expressions import constant_names, evaluate, feature_names, parse, to_text
from discover.law import Law, check_law, get_law, laws_for, load_laws, load_library, names_law
from discover.law.matching import told_by, told_in
from discover.law.published import glossary
from discover.law.synthetic import synthetic_table

LAWS = load_library()
EACH_LAW = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
SIGNED_TARGETS = {
    "sld_vocab", "tao_vocab", "tao_vocab_tied", "sld_easy_question", "bnsl_log", "log_quadratic",
    "observational_compute",
}  # fmt: skip
UNIT_INTERVAL = {"accuracy", "error", "reward"}
SLDBENCH = {
    "sld_parallel": {"params", "streams"},
    "sld_vocab": {"params", "vocab_size", "characters"},
    "sld_sft": {"examples"},
    "sld_domain_mixture": {"p1", "p2", "p3", "p4", "p5"},
    "sld_moe": {"experts", "params"},
    "sld_data_constrained": {"unique_tokens", "params", "tokens"},
    "sld_lr_bsz": {"lr", "batch_size", "tokens", "params"},
    "sld_easy_question": {"log_flops"},
}
SLDBENCH_CONSTANTS = dict(zip(SLDBENCH, (4, 7, 4, 7, 6, 7, 12, 6), strict=True))

MINIMAL = """
[[law]]
id = "mine"
title = "My law"
source = "A paper"
year = 2024
confidence = "text"
target = "loss"
formula = "E + A*params**(-alpha)"
recipe = { loss = "squared", space = "value" }
identifiable = true
notes = ""
[law.variables]
params = { range = [1e6, 1e9] }
[law.constants]
E = { domain = "nonnegative", guess = 1.0, meaning = "floor" }
A = { domain = "positive", guess = 100.0, meaning = "coefficient" }
alpha = { domain = "positive", guess = 0.3, meaning = "exponent" }
"""


def test_library_holds_the_field() -> None:
    assert len(LAWS) >= 120
    assert sum(law.confidence != "variant" for law in LAWS.values()) >= 100


@EACH_LAW
def test_law_is_consistent(law: Law) -> None:
    check_law(law)
    assert set(feature_names(law.expr)) == set(law.variables)
    assert set(constant_names(law.expr)) == set(law.constants)


@EACH_LAW
def test_formula_survives_printing(law: Law) -> None:
    assert parse(to_text(law.expr), tuple(law.variables)) == law.expr


@EACH_LAW
def test_law_names_its_source_and_meanings(law: Law) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", law.id)
    assert law.title
    assert law.source
    assert 1990 <= law.year <= 2026
    assert law.arxiv is None or re.fullmatch(r"\d{4}\.\d{5}|\d{4}\.\d{4}", law.arxiv)
    assert law.notes
    assert law.identifiable is True or isinstance(law.identifiable, str)
    assert all(v.meaning and v.unit for v in law.variables.values())
    assert all(c.meaning for c in law.constants.values())


@EACH_LAW
def test_recipe_states_a_scale_where_the_loss_has_one(law: Law) -> None:
    assert (law.recipe.scale is None) == (law.recipe.loss == "squared")


@EACH_LAW
def test_constants_give_plausible_values_over_the_range(law: Law) -> None:
    sets = {"guess": law.guess} | {fit.label: fit.constants for fit in law.published}
    for label, constants in sets.items():
        for design in ("grid", "random"):
            values = synthetic_table(law, constants, 200, np.random.default_rng(1), design=design).targets
            assert np.all(np.isfinite(values)), label
            assert np.ptp(values) > 0, label
            assert law.id in SIGNED_TARGETS or np.all(values >= 0), label
            if law.target == "loss":
                assert np.max(np.abs(values)) < 100, label
            if law.target in UNIT_INTERVAL:
                assert np.max(values) <= 1, label


@EACH_LAW
def test_every_constant_moves_the_values(law: Law) -> None:
    table = synthetic_table(law, law.guess, 300, np.random.default_rng(2))
    for name, value in law.guess.items():
        shifted = evaluate(law.expr, {**table.features, **law.guess, name: 1.01 * value})
        change = np.max(np.abs(shifted - table.targets[:, 0]))
        assert change > 1e-4 * np.std(table.targets), name


@pytest.mark.parametrize("law_id", SLDBENCH)
def test_benchmark_law_uses_the_columns_and_budget_of_its_task(law_id: str) -> None:
    law = get_law(law_id)
    assert set(law.variables) == SLDBENCH[law_id]
    assert len(law.constants) == SLDBENCH_CONSTANTS[law_id]


def test_glossary_knows_the_columns_of_the_benchmark() -> None:
    assert set().union(*SLDBENCH.values()) <= set(glossary())


def test_library_loads_without_heavy_packages_in_a_fresh_process() -> None:
    code = (
        "import sys; from discover.law import load_library; load_library();"
        "assert not {'pandas', 'sympy', 'numba', 'scipy'} & set(sys.modules), 'heavy import'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unknown_law_names_near_matches() -> None:
    with pytest.raises(InputError, match="did you mean chinchilla"):
        get_law("chinchila")


def test_generic_law_is_found_over_a_column() -> None:
    law = get_law("power_law_floor(params)")
    assert law.id == "power_law_floor(params)"
    assert law.formula == "E + b*params**(-c)"
    assert law.variables["params"].role == "params"
    assert feature_names(law.expr) == ("params",)
    with pytest.raises(InputError, match="not generic"):
        get_law("chinchilla(params)")


def test_bound_law_renames_a_constant_that_the_column_hides() -> None:
    law = get_law("power_law_floor").bind({"x": "b"})
    assert law.formula == "E + b_*b**(-c)"
    assert set(law.constants) == {"E", "b_", "c"}
    check_law(law)


def test_binding_carries_published_and_shared_names_over() -> None:
    law = get_law("superposition_width").bind({"width": "A"})
    assert law.shared == ("A_", "alpha")
    moe = get_law("sld_moe").bind({"experts": "a"})
    assert set(moe.published[0].constants) == set(moe.constants)
    check_law(moe)


def test_binding_refuses_unknown_and_colliding_names() -> None:
    with pytest.raises(InputError, match="no variable 'y'"):
        get_law("power_law").bind({"y": "params"})
    with pytest.raises(InputError, match="share a name"):
        get_law("chinchilla").bind({"params": "tokens"})


def test_laws_for_prefers_laws_that_use_all_columns() -> None:
    found = laws_for(["params", "tokens", "unique_tokens"], "loss")
    ids = [law.id for law in found]
    assert ids.index("sld_data_constrained") < ids.index("chinchilla") < ids.index("power_law(params)")
    assert "power_law(tokens)" in ids
    assert "steplaw_lr" not in ids
    assert "sld_moe" not in ids
    assert len(ids) == len(set(ids))


def test_laws_for_knows_columns_by_their_other_names() -> None:
    laws = {law.id: law for law in laws_for(["n_params", "D", "log_flops"])}
    law = laws["chinchilla(n_params,D)"]
    assert law.formula == "E + A*n_params**(-alpha) + B*D**(-beta)"
    assert get_law(law.id).formula == law.formula
    assert "sld_easy_question" in laws
    # Two columns could be the parameters, so none is taken to be.
    assert not [law for law in laws_for(["n_params", "N", "tokens"]) if law.id.startswith("chinchilla")]
    assert "chinchilla" in {law.id for law in laws_for(["n_params", "params", "tokens"])}


def test_sizes_that_no_column_holds_follow_from_others() -> None:
    def ids(*columns: str) -> set[str]:
        return {law.id for law in laws_for(columns, "loss")}

    assert {"chinchilla(N,N*tpp)", "kaplan_params_tokens(N,N*tpp)"} <= ids("N", "tpp")
    assert "chinchilla(N,C/6/N)" in ids("N", "C")
    assert "chinchilla(C/6/tokens,tokens)" in ids("C", "tokens")
    assert "data_constrained(params,unique_tokens*epochs,unique_tokens)" in ids("params", "unique_tokens", "epochs")
    assert "chinchilla(params,batch_size*steps)" in ids("params", "batch_size", "steps")
    assert "chinchilla(12*depth*width*width,tokens)" in ids("depth", "width", "tokens")
    assert not any("*" in name or "/" in name for name in ids("N", "D"))
    assert not any("*" in name for name in ids("N", "D/N"))  # a formula cannot hold this heading
    assert "sld_vocab(params,batch_size,steps)" in ids(
        "params", "batch_size", "steps"
    )  # a batch has effects of its own
    assert "chinchilla(params,steps)" in ids("params", "steps")
    assert not any("batch_size*epochs" in name for name in ids("params", "batch_size", "epochs"))
    assert told_by("tokens", ["Params_M", "tpp"]) == "params*tokens_per_param"
    assert told_in("tokens", ["Params_M", "tpp"]) == "Params_M*tpp"
    assert told_by("D", ["N", "flops"]) == "compute/6/params"
    assert told_by("tokens", ["params", "chinchilla_multiple"]) == ""
    assert told_by("tokens", ["params", "batch_size", "steps"]) == told_by("loss", ["params", "flops"]) == ""
    assert "kaplan_tokens(N*tpp)" not in ids("N", "tpp")  # a law of one size alone is none of two
    assert not any(name.startswith("chinchilla(") for name in ids("N", "my_ratio") if "*" in name)


def test_laws_over_products_are_those_over_what_the_products_are() -> None:
    told = {"params": 2e8, "unique_tokens": 1e9, "epochs": 4.0}
    bound = get_law("data_constrained(params,unique_tokens*epochs,unique_tokens)")
    assert set(bound.variables) == set(told)
    assert "epochs/" not in bound.formula  # unique_tokens*epochs/unique_tokens are the epochs
    check_law(bound)
    whole = get_law("data_constrained")
    constants = dict(whole.published[0].constants)
    assert evaluate(bound.expr, told | constants) == pytest.approx(
        evaluate(whole.expr, told | {"tokens": 4e9} | constants), rel=1e-12
    )


def test_laws_for_binds_by_kind_of_column() -> None:
    ids = {law.id for law in laws_for(["log_flops", "lr", "my_scale", "p1"])}
    assert {"bnsl_log(log_flops)", "power_law(my_scale)", "sld_easy_question"} <= ids
    assert not {"power_law(log_flops)", "power_law(lr)", "power_law(p1)", "bnsl_log(my_scale)"} & ids


def test_surfaces_are_tried_on_sizes_of_which_no_law_speaks() -> None:
    ids = {law.id for law in laws_for(["latents", "active", "log_b"])}
    assert {"chinchilla(latents,active)", "routed_bilinear(latents,active)", "power_law(active)"} <= ids
    assert {"kaplan_params_tokens(latents,active)", "kaplan_params_tokens(active,latents)"} <= ids
    assert "chinchilla(active,latents)" not in ids  # the same function
    assert {law.id for law in laws_for(["a", "b", "c"]) if len(law.variables) > 1} == {"sld_vocab(a,b,c)"}
    assert not any("(" in law.id for law in laws_for(["params", "experts"]) if len(law.variables) > 1)
    assert not [law for law in laws_for(["latents", "active"], "accuracy") if len(law.variables) > 1]


def test_values_tell_what_a_capital_means() -> None:
    few, many = (laws_for(["N", "P"], largest={"N": 7e9, "P": largest}) for largest in (8, 7e10))
    assert "sld_parallel(N,P)" in {law.id for law in few}
    assert {"chinchilla(N,P)", "autoencoder_latents(P,N)"} <= {law.id for law in many}
    assert not any(law.id.startswith("sld_parallel") for law in many)


def test_active_parameters_are_those_of_a_table_that_has_no_others() -> None:
    assert "chinchilla(n_active,tokens)" in {law.id for law in laws_for(["n_active", "tokens"])}
    ids = {law.id for law in laws_for(["total_params", "n_active", "tokens"])}
    assert {"chinchilla(total_params,tokens)", "moe_active_share(total_params,n_active,tokens)"} <= ids
    assert "chinchilla(n_active,tokens)" not in ids


def test_a_law_predicts_what_it_is_of() -> None:
    columns = ["params", "tokens", "lr"]
    losses, unknown = ({law.id for law in laws_for(columns, heading=heading)} for heading in ("val_loss", "y"))
    assert "chinchilla" in losses & unknown
    assert "steplaw_lr" in unknown
    assert "steplaw_lr" not in losses
    rates = {law.id for law in laws_for(columns, heading="peak_lr")}
    assert "steplaw_lr" in rates
    assert "power_law(tokens)" in rates & losses
    assert "chinchilla" not in rates


def test_bits_are_known_by_their_other_names() -> None:
    assert "precision_training(n_params,D,weight_bits)" in {
        law.id for law in laws_for(["n_params", "D", "weight_bits"])
    }


def test_law_of_distillation_needs_no_supervised_loss() -> None:
    ids = {law.id for law in laws_for(["N_S", "D_S", "L_T"])}
    assert "distillation_without_supervised(L_T,N_S,D_S)" in ids
    assert "distillation" in {law.id for law in laws_for(["teacher_loss", "supervised_loss", "params", "tokens"])}


@pytest.mark.parametrize("law", laws_for(["A", "E", "log_b"]), ids=lambda law: law.id)
def test_laws_bound_to_awkward_columns_stay_consistent(law: Law) -> None:
    check_law(law)


def test_a_file_of_laws_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL)
    law = load_laws(path)["mine"]
    check_law(law)
    assert law.variables["params"].unit == "count"
    assert hash(law) == hash(load_laws(path)["mine"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('year = 2024', 'year = 2024\ncolour = "red"', "mine: colour"),
        ('year = 2024', 'year = "soon"', "mine: year"),
        ('domain = "positive"', 'domain = "odd"', "domain"),
        ('title = "My law"', "", "title"),
        ("[law.variables]", "[law.variables", "not a readable TOML file"),
        ("[[law]]", "[[laws]]", r"expected \[\[law\]\] entries"),
        ("params = { range = [1e6, 1e9] }", "mass = { range = [1, 2] }", "mass"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL.replace(old, new).replace("[laws.", "[law."))
    with pytest.raises(InputError, match=message):
        load_laws(path)


def test_a_law_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL + MINIMAL)
    with pytest.raises(InputError, match="'mine' is already"):
        load_laws(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("alpha)", "gamma)", "constants: alpha, gamma"),
        ("[1e6, 1e9]", "[1e9, 1e6]", "range of params must rise"),
        ("guess = 0.3", "guess = -0.3", "alpha = -0.3, it must be positive"),
        ("A*params", "A*params*tokens", "tokens"),
    ],
)
def test_a_law_whose_parts_disagree_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL.replace(old, new))
    law = load_laws(path)["mine"]
    with pytest.raises(InputError, match=message):
        check_law(law)


@pytest.mark.parametrize(
    ("text", "named"),
    [("chinchilla", True), ("power_law(params)", True), ("log(x)", False), ("Min(x,y)", False), ("a*x", False)],
)
def test_names_of_laws_are_told_from_formulas(text: str, named: bool) -> None:
    assert names_law(text) is named
