"""``tamis prune`` on several ranks: the model of one process, and no run is lost."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import rank_jobs as jobs
from processes import over
from safetensors.numpy import load_file

from tamis_torch import cli

pytestmark = [pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_folder, tiny_text):
    """Return a function that runs in a folder on so many ranks (0: in this process), and its folder."""
    place = tmp_path_factory.mktemp("runs")

    def start(name, ranks, *args):
        work = (place / name, tiny_folder, tiny_text, *args)
        return over(ranks, jobs.run, *work) if ranks else [jobs.run(*work)]

    start.place = place
    return start


def weights(folder):
    return load_file(folder / "model/model.safetensors")


def compare(one, other):
    """Return the largest difference, and the share of the mask that differs."""
    assert one.keys() == other.keys()
    flips = sum(((one[n] != 0) != (other[n] != 0)).sum() for n in one) / sum(w.size for w in one.values())
    return max(np.abs(one[n] - other[n]).max() for n in one), flips


@pytest.fixture(scope="module")
def of_one(run):
    """Return the weights that one process ends with."""
    run("one", 0)
    return weights(run.place / "one")


@pytest.fixture(scope="module")
def of_two(run):
    """Return the weights that two ranks end with."""
    assert run("two", 2) == [{"done": True}] * 2
    return weights(run.place / "two")


def test_two_ranks_end_with_the_model_of_one_process(run, of_one, of_two):
    """With 5 windows a step, which are 3 and 2; and with the same losses."""
    largest, flips = compare(of_one, of_two)
    assert largest < 1e-5 and flips == 0
    one, two = ((run.place / name / "metrics.jsonl").read_text().splitlines() for name in ("one", "two"))
    losses = [[json.loads(line)["loss"] for line in lines] for lines in (one, two)]
    assert len(losses[0]) == 9 and losses[0] == pytest.approx(losses[1], rel=1e-5)
    results = [json.loads((run.place / name / "run.json").read_text()) for name in ("one", "two")]
    assert results[0]["layers"] == results[1]["layers"]
    assert results[0]["perplexity"]["after"] == pytest.approx(results[1]["perplexity"]["after"], rel=1e-4)


def test_a_run_goes_on_bit_for_bit_on_as_many_ranks(run, of_two):
    """Asked to stop is one rank only; all keep the state of the same step."""
    for said in run("again", 2, "elsa", False, 5):
        assert said.startswith("Interrupted: stopped after step 5 of 9")
    assert run("again", 2, "elsa", True) == [{"done": True}] * 2
    largest, flips = compare(of_two, weights(run.place / "again"))
    assert largest == 0 and flips == 0


def test_a_run_goes_on_with_other_numbers_of_ranks(run, of_one):
    """2 ranks, then 3, then one process."""
    assert "step 2 of 9" in run("moved", 2, "elsa", False, 2)[0]
    assert "step 5 of 9" in run("moved", 3, "elsa", True, 3)[0]
    assert run("moved", 0, "elsa", True) == [{"done": True}]
    largest, flips = compare(of_one, weights(run.place / "moved"))
    assert largest < 1e-5 and flips == 0


def test_in_few_bits_it_goes_on_with_other_numbers_of_ranks(run):
    """Numbers of few bits are encoded anew: the masks are near those of a run that never moved."""
    run("few", 0, "elsa-l")
    assert "step 2 of 9" in run("few moved", 2, "elsa-l", False, 2)[0]
    assert "step 5 of 9" in run("few moved", 3, "elsa-l", True, 3)[0]
    assert run("few moved", 0, "elsa-l", True) == [{"done": True}]
    a, b = (read_bfloat16(run.place / name) for name in ("few", "few moved"))
    assert sum((x != 0).sum() for x in a.values()) == sum((x != 0).sum() for x in b.values())
    assert compare(a, b)[1] < 0.02


def read_bfloat16(folder):
    from safetensors.torch import load_file as load

    return {name: x.float().numpy() for name, x in load(folder / "model/model.safetensors").items()}


def test_of_a_killed_rank_the_others_tell_in_seconds_and_the_run_goes_on(run, of_two):
    begun = time.monotonic()
    first, second = run("killed", 2, "elsa", False, 0, 5)
    assert second == "died" and time.monotonic() - begun < 30
    assert first.startswith("LostRank: another rank of the run has ended") and "--resume" in first
    assert json.loads((run.place / "killed/run.json").read_text())["status"] == "failed"
    assert run("killed", 2, "elsa", True) == [{"done": True}] * 2
    assert compare(of_two, weights(run.place / "killed")) == (0, 0)


def test_nan_in_the_gradient_of_one_rank_ends_all_with_a_checkpoint_of_the_step_before(run, of_two):
    first, second = run("spoiled", 2, "elsa", False, 0, 0, 5)
    assert (
        first == second and first.startswith("NotFinite: ") and "in step 5; the state after step 4" in first
    )
    assert run("spoiled", 2, "elsa", True) == [{"done": True}] * 2
    assert compare(of_two, weights(run.place / "spoiled")) == (0, 0)


def test_a_damaged_part_costs_an_interval_on_all_ranks(run, of_two):
    run("damaged", 2, "elsa", False, 8)
    parts = sorted((run.place / "damaged/checkpoints").glob("part-*.rank-1.safetensors"))
    assert [part.name for part in parts] == [f"part-{n:08d}.rank-1.safetensors" for n in (2, 3)], (
        "the last two"
    )
    content = bytearray(parts[-1].read_bytes())
    content[-100] ^= 1
    parts[-1].write_bytes(content)
    assert run("damaged", 2, "elsa", True) == [{"done": True}] * 2
    assert compare(of_two, weights(run.place / "damaged")) == (0, 0)
    warned = json.loads((run.place / "damaged/run.json").read_text())["warnings"]
    assert any("checkpoint is damaged" in text and "state-00000002" in text for text in warned)


@pytest.mark.parametrize(
    "method, said",
    [
        (
            "sparsegpt",
            "method must be one that trains (elsa, elsa-l, finetune) on 2 ranks; SparseGPT runs in",
        ),
        ("sharp", "radius must be 0 on 2 ranks, got 0.1"),
        ("small", "batch_size / accumulate must be at least the number of ranks (2), got 1"),
    ],
)
def test_what_ranks_cannot_do_is_refused_before_anything_is_written(run, method, said):
    for found in run(method, 2, method):
        assert found.startswith(f"InputError: {said}")
    assert not (run.place / method).exists()


def test_what_the_first_rank_refuses_all_refuse_in_the_same_words(run):
    (run.place / "there").mkdir()
    first, second = run("there", 2)
    assert first == second and first.startswith("InputError: output folder") and "exists" in first


def test_the_command_says_once_what_all_ranks_say(monkeypatch, capsys):
    """But each that loses another says so."""
    monkeypatch.setenv("RANK", "1")
    for message in ("no such model", "another rank of the run has ended"):
        with pytest.raises(SystemExit):
            cli._stop(message, 1)
    assert capsys.readouterr().err == "tamis: another rank of the run has ended\n"


def test_the_command_runs_under_torchrun(tmp_path, tiny_folder, tiny_text):
    """With a start that the first rank alone prunes, and words of one rank."""
    options = [
        "--steps",
        "4",
        "--batch-size",
        "2",
        "--seq-len",
        "16",
        "--start",
        "sparsegpt",
        "--start-sparsity",
        "0.8",
    ]
    ended = torchrun(tmp_path, tiny_folder, tiny_text, options)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("model in") == 1
    begun = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[0])["sparsity"]
    assert begun > 0.89, "all ranks begin with the first one's 80% of zeros, or it would be .87"
    assert (tmp_path / "run/start/metrics.jsonl").exists() and (tmp_path / "run/report.html").exists()
    assert not list((tmp_path / "run/checkpoints").glob(".partial*"))


def torchrun(place, model, text, options):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "--", "tamis_torch.cli", "prune", str(model), "--train", str(text)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [*command, "--out", str(place / "run"), *options],
        capture_output=True,
        text=True,
        timeout=100,
        env=environment,
        check=False,
    )
