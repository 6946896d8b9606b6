"""Runs side by side: the rows, the tables for the terminal, what has to be said, the page."""

import io
import json
import math
import random
import shutil

import pytest
from rich.console import Console

from tamis_torch.comparison import (
    compare_table,
    notes,
    plain_table,
    read_runs,
    rich_table,
    write_comparison,
    write_figure,
)
from tamis_torch.comparison.fairness import judged_alike
from tamis_torch.comparison.lines import lines_of, references_of
from tamis_torch.errors import InputError

from .fake_run import write_run

DENSE = {"run": "dense", "before": 34.7, "after": 34.7}
MAGNITUDE = {"run": "magnitude [90%]", "method": "magnitude", "sparsity": 0.9, "before": 34.7, "after": 532.0}


@pytest.fixture
def runs(tmp_path):
    return [write_run(tmp_path / "elsa", layers=2, run={"sparsity": 0.9}), DENSE, MAGNITUDE]


def test_rows_come_in_order_with_their_figures(runs):
    elsa, dense, magnitude = compare_table(runs)
    assert (elsa["run"], elsa["method"], elsa["steps"], elsa["bytes"]) == ("elsa", "elsa", 400, 538_090_408)
    assert elsa["ratio"] == pytest.approx(61.03 / 35.21)
    assert dense["ratio"] == 1
    assert magnitude["ratio"] == pytest.approx(532 / 34.7)
    assert dense["seconds"] is None
    assert list(elsa) == list(dense)


def test_run_without_perplexity_has_none(tmp_path):
    (row,) = compare_table([write_run(tmp_path / "run", layers=1, run={"perplexity": None})])
    assert row["before"] is row["after"] is row["ratio"] is None


def test_plain_table_is_aligned(runs):
    lines = plain_table(compare_table(runs)).splitlines()
    assert len(lines) == 4
    assert [line.split()[0] for line in lines] == ["run", "elsa", "dense", "magnitude"]
    assert len({line.index("ppl after") + len("ppl after") for line in lines[:1]}) == 1
    end = lines[0].index("ppl after") + len("ppl after")
    assert [line[:end].split()[-1] for line in lines[1:]] == ["61.0", "34.7", "532"]


def test_rich_table_shows_names_as_they_are(runs):
    """A name in brackets is no markup."""
    out = io.StringIO()
    Console(file=out, width=160).print(rich_table(compare_table(runs)))
    assert "magnitude [90%]" in out.getvalue()
    assert "12 min 14 s" in out.getvalue()


def test_page_has_every_run_and_overlays_the_curves(runs, tmp_path):
    curve = {"run": "trained on", "losses": [3.0, 2.9, 2.8]}
    html = write_comparison([*runs, curve], tmp_path / "out.html").read_text(encoding="utf-8")
    for name in ("elsa", "dense", "magnitude [90%]", "trained on"):
        assert f'<th scope="row" class="name">{name}</th>' in html
    assert html.count('<path class="line') == 2
    assert html.count('<circle class="dot') == 3
    assert "http://" not in html
    assert "https://" not in html


def test_page_says_which_run_is_unfinished(tmp_path):
    stopped = write_run(tmp_path / "short", steps=40, layers=1, run={"status": "interrupted"})
    html = write_comparison([stopped, DENSE], tmp_path / "out.html").read_text(encoding="utf-8")
    assert "short: interrupted after 40 steps" in html


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "at least one run"),
        ([{"method": "elsa"}], "needs a name under 'run'"),
        ([{"run": "x", "perplexity": 3}], "got perplexity"),
        (["no/such/folder"], r"no/such/folder is not a run folder"),
    ],
)
def test_bad_input_is_named(runs, message):
    with pytest.raises(InputError, match=message):
        compare_table(runs)


def folder(path, config=None, perplexity=None, **run):
    """Write a small run folder; ``perplexity`` replaces entries of what was measured."""
    measured = {
        "text": "t",
        "seq_len": 512,
        "windows": 20,
        "before": 35.0,
        "after": 60.0,
        **(perplexity or {}),
    }
    return write_run(path, steps=2, layers=1, config=config, run={"perplexity": measured, **run})


def finetune(path, model, **perplexity):
    """Write the run of a masked fine-tuning, which has neither sparsity nor pattern in its settings."""
    made = folder(
        path, {"model": str(model), "method": "finetune"}, {"before": 900.0, "after": 70.0, **perplexity}
    )
    config = json.loads((made / "config.json").read_text())
    (made / "config.json").write_text(
        json.dumps({k: config[k] for k in config.keys() - {"sparsity", "pattern"}})
    )
    return made


def lines(*runs):
    """Return the lines of the first chart, by their labels."""
    return {line.label: line for line in lines_of(judged_alike(read_runs(runs))[0])}


def test_finetuning_is_known_by_what_it_started_from(tmp_path):
    """Its label, pattern, calibration and dense model are those of the run that pruned, wherever that is now."""
    alps = {"method": "alps", "pattern": "2:4", "samples": 16, "model": "some/where/tiny"}
    folder(tmp_path / "alps-24", alps, {"before": 35.0, "after": 900.0})
    (row,) = compare_table([finetune(tmp_path / "more", "/gone/alps-24/model")])
    assert (row["label"], row["pattern"], row["calibration_tokens"]) == ("alps + finetune", "2:4", 16 * 512)
    assert (row["before"], row["dense"], row["model"]) == (900.0, 35.0, "tiny")
    assert row["ratio"] == 2


def test_the_start_that_run_json_names_wins_over_a_folder_of_another_method(tmp_path):
    folder(tmp_path / "pruned", {"method": "wanda", "pattern": "2:4"})
    run = finetune(tmp_path / "more", tmp_path / "pruned" / "model")
    assert compare_table([run])[0]["label"] == "wanda + finetune"
    said = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**said, "start_method": "alps"}))
    (row,) = compare_table([run])
    assert (row["label"], row["pattern"], row["dense"], row["ratio"]) == ("alps + finetune", None, None, None)


def test_the_dense_model_is_not_taken_from_a_start_judged_otherwise(tmp_path):
    folder(tmp_path / "alps", {"method": "alps"}, {"seq_len": 256})
    (row,) = compare_table([finetune(tmp_path / "more", tmp_path / "alps" / "model")])
    assert (row["label"], row["dense"]) == ("alps + finetune", None)


def test_a_run_that_names_itself_as_its_start_is_read(tmp_path):
    run = folder(tmp_path / "run", {"model": str(tmp_path / "run" / "model")})
    assert compare_table([run])[0]["label"] == "elsa"


def test_null_at_the_end_of_a_whole_run_is_infinite_and_of_another_unknown(tmp_path):
    whole, stopped = (
        folder(tmp_path / status, perplexity={"after": None}, status=status)
        for status in ("complete", "interrupted")
    )
    assert [row["after"] for row in compare_table([whole, stopped])] == [math.inf, None]


def test_training_tokens_are_those_that_were_seen(tmp_path):
    stopped = folder(tmp_path / "run", steps=8, train_tokens=8000, status="interrupted")
    assert compare_table([stopped])[0]["train_tokens"] == 2000


def test_runs_whose_folders_have_one_name_are_told_apart(tmp_path):
    paths = [folder(tmp_path / seed / "elsa-90") for seed in ("s0", "s1")]
    assert [row["run"] for row in compare_table(paths)] == ["s0/elsa-90", "s1/elsa-90"]


def test_what_was_read_once_needs_no_folder_again(tmp_path):
    read = read_runs([folder(tmp_path / "run")])
    shutil.rmtree(tmp_path / "run")
    assert compare_table(read)[0]["run"] == "run"


def test_a_table_keeps_to_the_width_of_the_terminal(tmp_path):
    names = ["elsa-at-ninety-per-cent-with-the-penalty-of-the-paper", "b"]
    runs = [folder(tmp_path / name, seconds=float(i)) for i, name in enumerate(names)]
    rows = [*compare_table(runs), MAGNITUDE | dict.fromkeys(set(compare_table(runs)[0]) - set(MAGNITUDE))]
    text = plain_table(rows, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "no room here for: steps" in text and "trained on" in text.splitlines()[0]
    assert names[0] in plain_table(rows)


def test_what_is_the_same_in_all_rows_is_said_once(tmp_path):
    runs = [folder(tmp_path / name, {"seed": i}) for i, name in enumerate("ab")]
    head, *_, last = plain_table(compare_table(runs)).splitlines()
    assert last.startswith("all: ") and "size 538 MB" in last
    assert "size" not in head and "pattern" not in head


def test_runs_that_are_alike_need_no_words(tmp_path):
    wanda = folder(tmp_path / "b", {"method": "wanda"}, train_tokens=0)
    assert notes([folder(tmp_path / "a"), folder(tmp_path / "c", {"seed": 1}), wanda]) == []


@pytest.mark.parametrize(
    ("config", "perplexity", "run", "said"),
    [
        ({}, {"seq_len": 256}, {}, "Not all were judged on the same text and windows"),
        ({}, {"windows": 40}, {}, "20 windows of 512 tokens: a; wiki.test.raw, 40 windows of 512 tokens: b"),
        ({}, {}, {"data": {"eval": {"path": "x/wiki.test.raw", "hash": "other"}}}, "(hash other): b"),
        ({}, {}, {"train_tokens": 9000}, "training tokens: 2.05 k: a; 9.00 k: b"),
        ({}, {"before": 36.0}, {}, "not the same in all runs (35.0 to 36.0)"),
        ({"model": "x/OPT-125M"}, {}, {}, "2 models: SmolLM2-135M-Instruct.Q4_1, OPT-125M"),
        ({"method": "finetune", "model": "x/model"}, {}, {}, "began with is not known"),
        ({}, {"after": None}, {"status": "failed"}, "b: failed after 2 steps"),
    ],
)  # fmt: skip
def test_what_must_not_be_compared_is_said(tmp_path, config, perplexity, run, said):
    found = notes([folder(tmp_path / "a"), folder(tmp_path / "b", config, perplexity, **run)])
    assert len(found) == 1 and said in found[0]


def test_other_training_texts_are_said(tmp_path):
    texts = {role: {"path": f"{role}.txt", "hash": role} for role in ("train", "eval")}
    other = {**texts, "train": {"path": "train.txt", "hash": "more"}}
    runs = [folder(tmp_path / "a", data=texts), folder(tmp_path / "b", data=other)]
    assert notes(runs) == [
        "Not all were given the same training or calibration text: train.txt (train): a; train.txt (more): b."
    ]
    assert set(lines(*runs)) == {
        "elsa, training text train.txt (train)",
        "elsa, training text train.txt (more)",
    }


def test_perplexities_of_two_window_lengths_are_never_in_one_chart(tmp_path):
    runs = [
        folder(tmp_path / f"{length}-{s}", {"sparsity": s}, {"seq_len": length}, sparsity=s)
        for length in (256, 512)
        for s in (0.5, 0.9)
    ]
    groups = judged_alike(read_runs(runs))
    assert [{entry.row["judged"]["seq_len"] for entry in group.entries} for group in groups] == [{256}, {512}]
    html = write_comparison(runs, tmp_path / "out.html").read_text("utf-8")
    assert html.count("<h3>Perplexity against sparsity") == 2
    panels = write_figure(runs, tmp_path / "out.svg").read_text("utf-8")
    assert panels.count(">perplexity<") == 2 and "windows of 256 tokens</text>" in panels


def test_one_text_under_two_paths_is_one_text(tmp_path):
    data = [{"eval": {"path": f"{place}/wiki.raw", "hash": "same"}} for place in ("here", "there")]
    runs = [folder(tmp_path / str(i), data=texts) for i, texts in enumerate(data)]
    assert len(judged_alike(read_runs(runs))) == 1


def test_seeds_are_one_point_with_the_mean_of_the_losses(tmp_path):
    runs = [
        folder(tmp_path / str(i), {"seed": i}, {"after": p}, sparsity=0.9) for i, p in enumerate((40.0, 90.0))
    ]
    ((label, line),) = lines(*runs).items()
    assert label == "elsa"
    assert line.points == [(0.9, pytest.approx(60.0), 40.0, 90.0, 2, None)]


def test_runs_that_differ_in_another_setting_are_not_averaged(tmp_path):
    """What was tried at 90% gives 70% its label too, as far as that run has the setting."""
    runs = [
        folder(tmp_path / f"{s}-{penalty}", {"penalty": penalty, "seed": i}, sparsity=s)
        for i, (s, penalty) in enumerate(((0.9, 0.05), (0.9, 0.1), (0.7, 0.1)))
    ]
    assert {name: len(line.points) for name, line in lines(*runs).items()} == {
        "elsa, penalty 0.05": 1,
        "elsa, penalty 0.1": 2,
    }


def test_budgets_are_lines_of_their_own_where_they_differ(tmp_path):
    runs = [
        folder(tmp_path / str(tokens), perplexity={"after": 1e8 / tokens}, train_tokens=tokens, sparsity=0.9)
        for tokens in (4_000_000, 250_000)
    ]
    assert list(lines(*runs)) == ["elsa, 250 k tokens", "elsa, 4.00 M tokens"]


def test_a_budget_that_goes_with_the_sparsity_is_said(tmp_path):
    runs = [folder(tmp_path / str(s), train_tokens=round(s * 1e6), sparsity=s) for s in (0.5, 0.9)]
    ((name, line),) = lines(*runs).items()
    assert name == "elsa, 500 k to 900 k tokens" and len(line.points) == 2


def test_references_are_the_dense_model_and_what_was_trained_on(tmp_path):
    """The perplexity before a masked fine-tuning is not the dense model's."""
    folder(tmp_path / "alps", {"method": "alps"})
    runs = [
        folder(tmp_path / "elsa", sparsity=0.9),
        folder(tmp_path / "on", {"method": "dense"}, {"after": 33.0}, sparsity=1e-9),
        finetune(tmp_path / "lost", "/gone/model"),
        finetune(tmp_path / "found", tmp_path / "alps" / "model"),
    ]
    (group,) = judged_alike(read_runs(runs))
    assert references_of(group) == [("dense", 35.0), ("dense, trained on", pytest.approx(33.0))]
    assert list(lines(*runs)) == ["elsa", "alps + finetune", "finetune"]


def test_patterns_stand_apart_and_unfinished_runs_nowhere(tmp_path):
    runs = [
        folder(tmp_path / "half", sparsity=0.5),
        folder(tmp_path / "2of4", {"pattern": "2:4"}, sparsity=0.5),
        folder(tmp_path / "stopped", {"method": "wanda"}, status="interrupted", sparsity=0.5),
    ]
    ((label, line),) = lines(*runs).items()
    assert label == "elsa"
    assert ([p.pattern for p in line.points], [p.pattern for p in line.patterns]) == ([None], ["2:4"])


def test_a_hundred_runs_make_a_page_that_is_not_heavy(tmp_path):
    """And no chart of losses has more curves than there are colours."""
    chance = random.Random(0)
    runs = [
        {"run": f"{method}-{i}", "method": method, "sparsity": 0.5 + 0.049 * i, "after": 40.0 + i, "before": 35.0,
         "losses": [chance.gauss(3, 1) for _ in range(3000)] if method == "elsa" else None}
        for method in [*"abcdefgh", "elsa", "other"] for i in range(10)
    ]  # fmt: skip
    html = write_comparison(runs, tmp_path / "out.html").read_text("utf-8")
    assert len(html) < 250_000
    charts = [part for part in html.split("<figure") if "<h3>Training loss" in part]
    assert [part.count('<path class="line') for part in charts] == [8, 2]


@pytest.mark.parametrize(
    ("runs", "name", "message"),
    [([MAGNITUDE], "out.png", r"must end in \.svg, got .*out\.png"), ([DENSE], "out.svg", "nothing to draw")],
)
def test_a_figure_that_cannot_be_made_is_refused(tmp_path, runs, name, message):
    with pytest.raises(InputError, match=message):
        write_figure(runs, tmp_path / name)
    assert not list(tmp_path.iterdir())
