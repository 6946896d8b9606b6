"""The estimators do what scikit-learn asks of an estimator, and are the same models as tamis.minimize's."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import tamis
from tamis.losses import LeastSquares, Logistic, Multinomial, Poisson
from tamis.sets import Blocks, Sparse
from tamis.sklearn import (
    SparseLinearRegression,
    SparseLinearRegressionCV,
    SparseLogisticRegression,
    SparseLogisticRegressionCV,
    SparsePoissonRegression,
    SparsePoissonRegressionCV,
)
from tamis.sklearn.path_choice import information

FIXED = [SparseLinearRegression, SparseLogisticRegression, SparsePoissonRegression]
CHOOSING = [SparseLinearRegressionCV, SparseLogisticRegressionCV, SparsePoissonRegressionCV]
QUICK = {"ks": (0, 2), "effort": "fast"}  # as each check fits again and again
CHECKED = [
    *(kind(effort="fast") for kind in FIXED),
    SparseLinearRegressionCV(cv=2, **QUICK),
    SparsePoissonRegressionCV(criterion="ebic", **QUICK),
    SparseLogisticRegressionCV(criterion="ebic", **QUICK),
]
PLANTED = [1, 4, 7]
X = np.random.default_rng(0).standard_normal((150, 10))
SIGNAL = X[:, PLANTED] @ [1.0, -1.0, 1.0]


def names(estimators):
    return pytest.mark.parametrize("kind", estimators, ids=lambda kind: kind.__name__)


def target(kind, seed=1):
    """Return targets with the three planted features for an estimator."""
    rng = np.random.default_rng(seed)
    if "Linear" in kind.__name__:
        return SIGNAL + 3 + 0.3 * rng.standard_normal(len(X))
    if "Poisson" in kind.__name__:
        return rng.poisson(np.exp(SIGNAL / 2 + 1)).astype(float)
    return np.where(3 * SIGNAL + rng.logistic(size=len(X)) > 0, "yes", "no")


def three_classes():
    return np.digitize(SIGNAL, [-1, 1])


@parametrize_with_checks(CHECKED)
def test_every_check_of_scikit_learn_passes(estimator, check):
    check(estimator)


def test_coefficients_of_regression_are_those_of_minimize():
    y = target(SparseLinearRegression)
    loss = LeastSquares(X, y, ridge=2.0, intercept=True)
    result = tamis.minimize(loss, Sparse(3))
    model = SparseLinearRegression(3, ridge=2.0).fit(X, y)
    np.testing.assert_allclose(model.coef_, result.x, rtol=1e-12)
    assert model.intercept_ == pytest.approx(loss.intercept_at(result.x))
    assert model.result_.status is tamis.Status.EXCHANGE_OPTIMAL
    assert np.flatnonzero(model.support_).tolist() == PLANTED
    np.testing.assert_allclose(model.predict(X), loss.predictor(result.x))


def test_coefficients_of_two_classes_are_those_of_minimize():
    y = target(SparseLogisticRegression)
    loss = Logistic(X, y == "yes", ridge=1.0, intercept=True)
    result = tamis.minimize(loss, Sparse(3))
    model = SparseLogisticRegression(3).fit(X, y)
    np.testing.assert_allclose(model.coef_, result.x[None, :], rtol=1e-12)
    np.testing.assert_allclose(model.decision_function(X), loss.predictor(result.x))
    assert model.classes_.tolist() == ["no", "yes"]


def test_coefficients_of_counts_are_those_of_minimize():
    y = target(SparsePoissonRegression)
    loss = Poisson(X, y, ridge=1.0, intercept=True)
    result = tamis.minimize(loss, Sparse(3))
    model = SparsePoissonRegression(3).fit(X, y)
    np.testing.assert_allclose(model.coef_, result.x, rtol=1e-12)
    np.testing.assert_allclose(model.predict(X), np.exp(loss.predictor(result.x)))


def test_coefficients_of_several_classes_are_those_of_minimize_and_share_their_features():
    y = three_classes()
    loss = Multinomial(X, y, ridge=1.0, intercept=True)
    result = tamis.minimize(loss, Blocks(3, (1, None)), effort="fast")
    model = SparseLogisticRegression(3, effort="fast").fit(X, y)
    np.testing.assert_allclose(model.coef_, result.x.T, rtol=1e-5)
    assert np.abs(loss.gradient(model.coef_.T)[model.support_]).max() < 1e-9
    assert (model.coef_ != 0).all(axis=0).tolist() == model.support_.tolist()
    assert np.flatnonzero(model.support_).tolist() == PLANTED
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(model.predict_proba(X)))
    assert model.score(X, y) > 0.9


def test_with_all_features_the_models_are_those_of_scikit_learn():
    """So ridge means what their documentation says: 1/C, n alpha."""
    p, tight = X.shape[1], {"tol": 1e-10, "max_iter": 10_000}
    y, counts = target(SparseLogisticRegression), target(SparsePoissonRegression)
    pairs = [
        (SparseLinearRegression(p), LinearRegression(), SIGNAL + y.size),
        (SparseLogisticRegression(p), LogisticRegression(**tight), y),
        (
            SparseLogisticRegression(p, ridge=0.5, effort="fast"),
            LogisticRegression(C=2, **tight),
            three_classes(),
        ),
        (SparsePoissonRegression(p, ridge=15.0), PoissonRegressor(alpha=15 / len(X), **tight), counts),
    ]
    for ours, theirs, b in pairs:
        ours.fit(X, b), theirs.fit(X, b)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
        np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
        assert ours.score(X, b) == pytest.approx(theirs.score(X, b), abs=1e-6)


@names(FIXED)
def test_sparse_matrices_give_what_dense_ones_give(kind):
    thin = np.where(np.abs(X) > 0.5, X, 0.0)
    dense = kind(3).fit(thin, target(kind))
    for form in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        model = kind(3).fit(form(thin), target(kind))
        np.testing.assert_allclose(model.coef_, dense.coef_, rtol=1e-7)
        ours, theirs = (
            (dense.decision_function, model.decision_function)
            if "Logi" in kind.__name__
            else (dense.predict, model.predict)
        )
        np.testing.assert_allclose(ours(form(thin)), theirs(thin))


def test_a_sparse_matrix_is_never_made_dense():
    """It would take 16 GB."""
    n, p = 10_000, 200_000
    rows = np.arange(n)
    wide = sparse.csr_array((np.ones(n), (rows, rows % 7 * 1000)), shape=(n, p))
    model = SparseLinearRegression(1, effort="fast").fit(wide, np.where(rows % 7 == 3, 2.0, 1.0))
    assert np.flatnonzero(model.support_).tolist() == [3000]


@names(FIXED)
def test_an_integer_weight_is_a_row_that_often(kind):
    rng, y = np.random.default_rng(2), target(kind)
    weights = rng.integers(0, 4, len(X))
    model = kind(3).fit(X, y, sample_weight=weights)
    repeated = kind(3).fit(X.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_allclose(model.coef_, repeated.coef_, rtol=1e-7)
    np.testing.assert_allclose(model.intercept_, repeated.intercept_, rtol=1e-7)


@names(FIXED)
def test_pipeline_grid_search_and_cross_validation(kind):
    y = target(kind)
    pipe = make_pipeline(StandardScaler(), kind(effort="fast"))
    grid = {f"{kind.__name__.lower()}__n_nonzero": [0, 1, 3]}
    search = GridSearchCV(pipe, grid, cv=3).fit(X, y)
    assert list(search.best_params_.values()) == [3]
    assert cross_val_score(search.best_estimator_, X, y, cv=3).mean() > 0.5


@names(FIXED + CHOOSING)
def test_a_clone_and_a_pickle_predict_the_same(kind):
    options = {"ks": (1, 3), "cv": 2} if kind in CHOOSING else {"n_nonzero": 3}
    model = kind(effort="fast", **options).fit(X, target(kind))
    for copy in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, target(kind))):
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    assert len(pickle.dumps(model)) < X.nbytes  # a fitted model does not carry the data


@names(FIXED)
def test_the_columns_of_a_data_frame_name_the_features(kind):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"gene {j}" for j in range(X.shape[1])])
    model = kind(3).fit(frame, target(kind))
    assert model.feature_names_in_[model.support_].tolist() == ["gene 1", "gene 4", "gene 7"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])


@names(FIXED)
def test_single_precision_stays_single(kind):
    model = kind(3).fit(X.astype(np.float32), target(kind))
    assert model.coef_.dtype == np.float32
    assert np.flatnonzero(model.support_).tolist() == PLANTED


@names(FIXED)
def test_no_feature_gives_the_constant_model(kind):
    y = target(kind)
    model = kind(0).fit(X, y)
    assert not model.coef_.any()
    if "Logistic" in kind.__name__:
        np.testing.assert_allclose(model.predict_proba(X)[:, 1], (y == "yes").mean())
    else:
        np.testing.assert_allclose(model.predict(X), y.mean())
        assert model.score(X, y) == pytest.approx(0, abs=1e-9)


def test_without_an_intercept_there_is_none():
    model = SparseLinearRegression(10, fit_intercept=False).fit(X, SIGNAL + 5)
    np.testing.assert_allclose(model.coef_, np.linalg.lstsq(X, SIGNAL + 5)[0])
    assert model.intercept_ == 0


@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_classes_that_can_be_separated_give_a_finite_model(ridge):
    model = SparseLogisticRegression(2, ridge=ridge).fit(X, X[:, 2] > 0)
    assert np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()
    assert model.score(X, X[:, 2] > 0) > 0.99
    if ridge == 1:
        assert np.abs(model.coef_).max() < 20


@pytest.mark.parametrize("criterion", ["cv", "bic", "ebic"])
@names(CHOOSING)
def test_the_path_finds_the_planted_size(kind, criterion):
    model = kind([1, 3, 6], criterion=criterion, rule="one_se", effort="fast").fit(X, target(kind))
    assert model.n_nonzero_ == 3
    assert np.flatnonzero(model.support_).tolist() == PLANTED
    assert model.ks_.tolist() == [1, 3, 6]
    fixed = clone(FIXED[CHOOSING.index(kind)](3)).fit(X, target(kind))
    np.testing.assert_allclose(model.coef_, fixed.coef_, rtol=1e-6)


def test_the_path_of_several_classes_finds_the_planted_size():
    columns = [0, *PLANTED]
    model = SparseLogisticRegressionCV(range(1, 5), cv=2, rule="one_se", effort="fast")
    model.fit(X[:, columns], three_classes())
    assert model.n_nonzero_ == 3
    assert model.support_.tolist() == [False, True, True, True]
    assert model.coef_.shape == (3, 4)


def test_criteria_of_several_classes_count_a_feature_once_for_each_class_but_one():
    loss = Multinomial(X, three_classes(), ridge=1.0, intercept=True)
    result = tamis.minimize(loss, Blocks(2, (1, None)), effort="fast")
    deviance = -2 * np.log(_fitted(loss, result.x)).sum()
    aic, bic, ebic = (information(loss, [2], (result,), name)[0] for name in ("aic", "bic", "ebic"))
    assert aic == pytest.approx(deviance + 2 * 2 * 2)
    assert bic == pytest.approx(deviance + np.log(150) * 2 * 2)
    assert ebic == pytest.approx(bic + 2 * np.log(45))  # 45 pairs of 10 features


def _fitted(loss, x):
    """Return the probability of the class of each row."""
    odds = np.exp(loss.predictor(x))
    return odds[np.arange(150), loss.labels] / odds.sum(axis=1)


def test_the_criterion_is_the_held_out_loss_of_each_fold():
    y, folds = target(SparseLinearRegression), KFold(3)
    model = SparseLinearRegressionCV([1, 2], cv=folds).fit(X, y)
    errors = []
    for train, test in folds.split(X):
        fits = [SparseLinearRegression(k).fit(X[train], y[train]) for k in (1, 2)]
        errors.append([((fit.predict(X[test]) - y[test]) ** 2).mean() / 2 for fit in fits])
    np.testing.assert_allclose(model.criterion_, np.mean(errors, axis=0))
    np.testing.assert_allclose(model.criterion_error_, np.std(errors, axis=0, ddof=1) / 3**0.5)


def test_one_standard_error_takes_a_smaller_size():
    y = target(SparseLinearRegression) + 2 * np.random.default_rng(3).standard_normal(len(X))
    least = SparseLinearRegressionCV(effort="fast").fit(X, y)
    within = SparseLinearRegressionCV(effort="fast", rule="one_se").fit(X, y)
    limit = least.criterion_.min() + least.criterion_error_[least.criterion_.argmin()]
    assert within.n_nonzero_ == least.ks_[least.criterion_ <= limit].min() < least.n_nonzero_


@pytest.mark.parametrize("classes", [1, 3])
def test_the_path_is_plotted_with_names_and_the_size_chosen(classes):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    if classes == 1:
        model = SparseLinearRegressionCV([0, 1, 3], cv=2).fit(X, target(SparseLinearRegression))
    else:
        model = SparseLogisticRegressionCV([0, 1, 3], criterion="bic", effort="fast").fit(X, three_classes())
    display = model.plot_path()
    assert len(display.axes_) == 2 and display.axes_[0].figure is display.figure_
    labels = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert sorted(labels) == ["chosen: 3", "x1", "x4", "x7"]
    np.testing.assert_array_equal(display.axes_[1].lines[0].get_ydata(), model.criterion_)
    given = plt.subplots(2)[1]
    assert model.plot_path(ax=given).axes_.tolist() == given.tolist()
    with pytest.raises(ValueError, match="pair"):
        model.plot_path(ax=given[0])
    plt.close("all")


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (SparseLinearRegression(11), ValueError, "n_nonzero must be between 0 and n_features=10, got 11"),
        (SparseLinearRegression(-1), ValueError, "n_nonzero must be between 0 and n_features=10, got -1"),
        (SparseLinearRegression(2.5), TypeError, "n_nonzero must be an integer, got 2.5"),
        (SparseLinearRegression(ridge=-1.0), ValueError, "ridge must be finite and 0 or more, got -1"),
        (SparseLinearRegression(effort="much"), ValueError, "effort must be one of fast, default"),
        (SparseLinearRegressionCV([3, 12]), ValueError, "each of ks must be between 0 and n_features=10, got 12"),
        (SparseLinearRegressionCV([]), ValueError, "ks must hold at least one size"),
        (SparseLinearRegressionCV(criterion="r2"), ValueError, "criterion must be one of cv, aic, bic, ebic"),
        (SparseLinearRegressionCV(rule="best"), ValueError, "rule must be one of min, one_se, got 'best'"),
        (SparseLinearRegressionCV(cv=[(range(9), range(9, 20))]), ValueError, "cv must have 2 splits or more"),
        (SparsePoissonRegression(), ValueError, "y must hold counts, 0 or more, but the least is -"),
    ],
)  # fmt: skip
def test_parameters_out_of_range_are_named(model, error, words):
    with pytest.raises(error, match=words):
        model.fit(X, SIGNAL)


def test_weights_that_are_negative_or_all_zero_are_refused():
    with pytest.raises(ValueError, match="at least one non-zero"):
        SparseLinearRegression().fit(X, SIGNAL, sample_weight=np.zeros(len(X)))
    with pytest.raises(ValueError, match="sample_weight"):
        SparseLinearRegression().fit(X, SIGNAL, sample_weight=-np.ones(len(X)))


def test_a_fold_without_one_of_the_classes_is_refused():
    y = np.sort(three_classes())
    splits = [(np.arange(60), np.arange(60, 150)), (np.arange(150), np.arange(60))]
    with pytest.raises(ValueError, match="each training part of cv must hold every class"):
        SparseLogisticRegressionCV(cv=splits).fit(X, y)


def test_real_classes_are_told_apart_by_two_features():
    flowers, species = load_iris(return_X_y=True)
    model = SparseLogisticRegression(2, effort="fast").fit(flowers, species)
    assert model.score(flowers, species) > 0.94


def test_a_time_limit_is_passed_on():
    status = SparseLinearRegression(5, time_limit=1e-9).fit(X, SIGNAL).result_.status
    assert status is not tamis.Status.EXCHANGE_OPTIMAL


def test_importing_tamis_leaves_scikit_learn_alone_and_the_estimators_leave_matplotlib():
    script = (
        "import sys, tamis; assert 'sklearn' not in sys.modules;"
        "import tamis.sklearn; assert 'matplotlib' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
