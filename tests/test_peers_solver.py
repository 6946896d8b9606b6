"""The benchmark against other solvers: its problems are reproducible and its scores right; no peer needed."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

SOLVER = Path(__file__).resolve().parent.parent / "benchmarks" / "peers" / "solver"
NAMES = "designs", "offer", "scores", "penalised", "tamis_solvers", "peers", "report"


@pytest.fixture(scope="module")
def bench():
    """The modules of the benchmark, which lie beside its commands and not in a package."""
    sys.path.insert(0, str(SOLVER))
    try:
        yield {name: __import__(name) for name in NAMES}
    finally:
        sys.path.remove(str(SOLVER))
        for name in NAMES:
            del sys.modules[name]


def little(designs, loss, seed=3):
    return designs.synthetic(seed, loss=loss, n=80, p=30, k=4, rho=0.9)


@pytest.mark.parametrize("loss", ["least squares", "logistic", "poisson"])
def test_the_same_seed_gives_the_same_problem_and_another_seed_another(bench, loss):
    first, again, other = (little(bench["designs"], loss, seed) for seed in (3, 3, 4))
    assert np.array_equal(first.A, again.A) and np.array_equal(first.b, again.b)
    assert not np.array_equal(first.b, other.b)


def test_the_data_stay_those_of_the_stored_tables(bench):
    """A changed draw would make stored results incomparable without anyone noticing."""
    design = little(bench["designs"], "least squares")
    assert np.flatnonzero(design.truth).tolist() == [6, 13, 15, 20]
    assert design.b[:2] == pytest.approx([0.2933012762122522, 1.2310424246292306], rel=1e-9)


def test_columns_are_correlated_as_rho_to_the_distance(bench):
    A = bench["designs"].autoregressive(np.random.default_rng(0), 20_000, 4, 0.9)
    assert np.corrcoef(A.T)[0] == pytest.approx([1, 0.9, 0.81, 0.729], abs=0.02)


def test_signal_has_snr_times_the_variance_of_the_noise(bench):
    design = bench["designs"].synthetic(0, loss="least squares", n=20_000, p=20, k=4, rho=0.5, snr=5)
    signal = design.A @ design.truth
    assert signal.var() / (design.b - signal).var() == pytest.approx(5, rel=0.05)


def test_groups_in_the_truth_are_k_whole_blocks(bench):
    design = bench["designs"].grouped(0, n=50, p=40, k=3, rho=0.5, snr=5)
    active = np.flatnonzero(design.truth)
    assert len(active) == 12 and len(np.unique(design.groups[active])) == 3
    assert bench["scores"].allowed(design, active)
    assert not bench["scores"].allowed(design, np.append(active, np.flatnonzero(design.truth == 0)[0]))


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("loss", ["least squares", "logistic", "poisson"])
def test_refit_is_the_minimum_on_the_support(bench, loss, intercept):
    """scipy's BFGS on the same columns finds no lower value."""
    from dataclasses import replace

    scores = bench["scores"]
    design = replace(little(bench["designs"], loss), intercept=intercept)
    support = np.array([1, 5, 20])
    fit = scores.refit(design, support)
    X = np.column_stack([design.A[:, support], np.ones(80)])[:, : 3 + intercept]
    other = minimize(
        lambda v: scores.losses(loss, X @ v, design.b).sum(), np.zeros(X.shape[1]), method="BFGS"
    )
    assert fit.objective == pytest.approx(other.fun, rel=1e-7)
    assert fit.objective <= other.fun * (1 + 1e-10)
    at = scores.losses(loss, design.A @ fit.coefficients + fit.intercept, design.b).sum()
    assert at == pytest.approx(fit.objective, rel=1e-12)
    assert set(np.flatnonzero(fit.coefficients)) <= {1, 5, 20}


def test_poisson_loss_is_half_the_deviance(bench):
    """It vanishes where the mean equals the count, also for a count of zero in the limit."""
    losses = bench["scores"].losses
    assert losses("poisson", np.log([1.0, 3.0]), np.array([1.0, 3.0])) == pytest.approx([0, 0], abs=1e-12)
    assert losses("poisson", np.array([-50.0]), np.array([0.0]))[0] == pytest.approx(0, abs=1e-12)


def test_f1_and_gap_of_known_cases(bench):
    scores = bench["scores"]
    assert scores.f1(np.array([1.0, 0, 2, 0]), np.array([0, 1])) == 0.5
    assert scores.gaps({"a": 4.0, "b": 5.0}) == {"a": 0.0, "b": 25.0}


def test_a_path_counts_by_its_best_support_of_at_most_k(bench):
    """Sparser points and a denser one, cut to k, are candidates; the better support wins."""
    design = little(bench["designs"], "least squares")
    right = np.where(design.truth != 0, 1.0, 0.0)
    wrong = np.zeros(30)
    wrong[:4] = 1
    dense = right * 5 + 0.01
    best = bench["penalised"].best_on_path(design, [wrong, dense])
    assert np.array_equal(np.flatnonzero(best), np.flatnonzero(design.truth))


def test_report_pairs_times_by_seed_and_gaps_by_cell(bench, tmp_path):
    """abess is slow on seed 2 as is the other: the ratio is 2 on both, and the gap 10% on one of two."""

    def run(seed, solver, objective, seconds):
        return {
            "cell": "c", "seed": seed, "solver": solver, "data": "d", "status": "ok", "objective": objective,
            "seconds": seconds, "held_out": 1.0, "f1": 1.0,
        }  # fmt: skip

    runs = [run(1, "abess", 11.0, 1), run(1, "x", 10.0, 2), run(2, "abess", 10.0, 50), run(2, "x", 10.0, 100)]
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"runs": runs}))
    rows = {row.solver: row for row in bench["report"].rows(bench["report"].load([path]))}
    assert rows["abess"].gap == pytest.approx(5) and rows["abess"].worst == pytest.approx(10)
    assert rows["x"].gap == 0 and rows["x"].by_reference == 2 and rows["abess"].by_fastest == 1


def test_files_with_different_data_are_refused(bench, tmp_path):
    paths = [tmp_path / "1.json", tmp_path / "2.json"]
    for path in paths:
        run = {"cell": "c", "seed": 1, "solver": "x", "status": "ok", "data": path.name}
        path.write_text(json.dumps({"runs": [run]}))
    with pytest.raises(ValueError, match="different data"):
        bench["report"].load(paths)
