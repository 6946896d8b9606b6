"""Every example of the gallery runs without a display, draws its figure, and what it claims holds."""

import contextlib
import io
import re
import runpy
from pathlib import Path

import pytest

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"


def best_subset(printed):
    assert "EBIC chooses 8 variables, 8 of the 8 true ones" in printed
    assert "proved at every size: ['EXCHANGE_OPTIMAL']" in printed
    assert int(re.search(r"the lasso with 8 variables has (\d)", printed)[1]) < 8


def sparse_logistic(printed):
    ours, lasso = (float(share) for share in re.findall(r"([\d.]+)% errors", printed))
    assert ours < 4 and ours < 0.7 * lasso
    ours, lasso = (float(loss) for loss in re.findall(r"loss ([\d.]+) on", printed))
    assert ours < 0.5 * lasso
    assert "(EXCHANGE_OPTIMAL)" in printed


def compressed_sensing(printed):
    rates = [(int(a), int(b)) for a, b in re.findall(r"recovers (\d+)%, basis pursuit (\d+)%", printed)]
    assert len(rates) == 6 and all(ours >= theirs for ours, theirs in rates)
    assert rates[0] == (100, 100) and rates[4][0] >= 90 and rates[4][1] <= 20


def best_segments(printed):
    ours, optimal = (float(value) for value in re.search(r"loss ([\d.]+), .* ([\d.]+)", printed).groups())
    assert ours == pytest.approx(optimal, abs=1e-6)
    for line in re.findall(r"(?:jumps|bends) at .*", printed):
        found, true = (eval(places) for places in re.findall(r"\[.*?\]", line))
        assert len(found) == len(true) and all(abs(a - b) <= 3 for a, b in zip(found, true, strict=True))
    assert "no exchange helps: True" in printed


def sparse_portfolio(printed):
    risks = [float(risk) for risk in re.findall(r"least risk ([\d.]+)%", printed)]
    assert len(risks) == 3 and sorted(risks, reverse=True) == risks
    assert all(float(turnover) <= 1 + 1e-4 for turnover in re.findall(r"largest turnover ([\d.]+)", printed))
    assert "KKT points: 12 of 12" in printed and "no exchange of assets helps: 12 of 12" in printed
    assert "one asset: INFEASIBLE, turnover 1.6" in printed


def sparse_classifier(printed):
    found = re.findall(r"(\w+) +([\d.]+) zeros, ([\d.]+)% right", printed)
    assert [zeros for _, zeros, _ in found] == ["0.900", "0.970"] * 3
    right = {(name, zeros): float(share) for name, zeros, share in found}
    assert right["SAFE", "0.900"] > 85 and right["SAFE", "0.970"] > right["gradual", "0.970"] - 2
    assert int(re.search(r"(\d+) of the first layer's 144", printed)[1]) > 0


CLAIMS = (
    best_subset,
    sparse_logistic,
    compressed_sensing,
    best_segments,
    sparse_portfolio,
    sparse_classifier,
)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_example_draws_its_figure_and_its_claims_hold(claim, monkeypatch, tmp_path):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    plt.close("all")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(GALLERY / f"plot_{claim.__name__}.py"), run_name="__main__")
    assert plt.get_fignums() == [1]
    plt.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert all(axis.get_ylabel() and axis.has_data() for axis in plt.gcf().axes)
    plt.close("all")
    claim(printed.getvalue())


def test_every_example_of_the_folder_has_its_claims_checked():
    assert {path.stem for path in GALLERY.glob("plot_*.py")} == {f"plot_{claim.__name__}" for claim in CLAIMS}
