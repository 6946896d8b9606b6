"""Tasks of lm-evaluation-harness: with a stand-in for the library, and with the library where it is installed."""

import json
import logging
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

RESULTS = {
    "results": {
        "own": {"name": "own", "alias": "own", "sample_len": 3, "acc,none": 0.5, "acc_stderr,none": 0.25,
                "em,strict": 1, "em_stderr,strict": "N/A", "note,none": "text"},
    },
    "groups": {"both": {"alias": "both", "acc,none": 0.75}},
    "n-samples": {"own": {"original": 12, "effective": 3}},
    "n-shot": {"own": 0},
    "versions": {"own": 2.0, "both": None},
    "higher_is_better": {"own": {"acc": True}},
}  # fmt: skip


@pytest.fixture
def harness(monkeypatch) -> list[Any]:
    """Put a stand-in in the place of lm_eval; return what it was asked, in order."""
    asked: list[Any] = []

    class TaskManager:
        def __init__(self, include_path: str | None = None, include_defaults: bool = True) -> None:
            asked.append(("manager", include_path, include_defaults))
            self.all_tasks = ["own"] * (include_path is not None) + ["hellaswag", "both"] * include_defaults

        def load(self, names: list[str]) -> dict[str, dict[str, Any]]:
            if names == ["hellaswag"]:
                raise ConnectionError("Couldn't reach\n'Rowan/hellaswag' on the Hub")
            tasks = {f"task {names[0]}": f"task {names[0]}"}
            return {"tasks": tasks, "groups": {"both": "group"} if names == ["both"] else {}}

    def wrap(**options: Any) -> SimpleNamespace:
        options["tokenizer"].pad_token = "changed"
        assert not options["pretrained"].training
        return SimpleNamespace(**options)

    def run(network: SimpleNamespace, **options: Any) -> dict[str, Any]:
        asked.append(("run", network, options))
        logging.getLogger("lm_eval.evaluator").warning("chatter")
        return RESULTS

    for name, content in {
        "lm_eval": {"simple_evaluate": run},
        "lm_eval.models": {},
        "lm_eval.models.huggingface": {"HFLM": wrap},
        "lm_eval.tasks": {"TaskManager": TaskManager},
    }.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return asked


def test_the_harness_gets_the_model_in_memory_and_its_figures_are_shown(
    harness, tamis, tiny_folder, tmp_path, caplog
) -> None:
    code, out, errors = tamis("eval", tiny_folder, "--tasks", "own", "--task-path", tmp_path, "--task-limit", 3,
                              "--batch-size", 2, "--json")  # fmt: skip
    assert code == 0, errors
    result = json.loads(out.splitlines()[-1])
    own = {"task": "own", "filter": "none", "samples": 3, "shots": 0, "version": "2.0"}
    assert result["tasks"] == [
        own | {"metric": "acc", "value": 0.5, "stderr": 0.25, "higher_is_better": True},
        own | {"metric": "em", "filter": "strict", "value": 1.0, "stderr": None, "higher_is_better": None},
        {"task": "both", "metric": "acc", "filter": "none", "value": 0.75, "stderr": None,
         "higher_is_better": None, "samples": None, "shots": None, "version": "None"},
    ]  # fmt: skip
    assert (result["task_limit"], result["model"]) == (3, str(tiny_folder)) and "perplexity" not in result
    (manager, (_, network, options)) = harness
    assert manager == ("manager", str(tmp_path), False)
    assert network.pretrained.config.model_type == "llama" and network.batch_size == 2
    assert options["tasks"] == ["task own"] and options["limit"] == 3
    assert "chatter" not in caplog.text


def test_words_are_a_line_a_figure_below_the_perplexity(
    harness, tamis, tiny_folder, tiny_text, tmp_path
) -> None:
    code, out, errors = tamis("eval", tiny_folder, "--text", tiny_text, "--seq-len", 32, "--tasks", "own",
                              "--task-path", tmp_path)  # fmt: skip
    assert code == 0, errors
    first, blank, *rest = out.splitlines()
    assert first.startswith("perplexity ") and blank == ""
    assert rest == [
        "task  metric        value  stderr  samples  shots",
        "own   acc          0.5000  0.2500        3      0",
        "own   em (strict)  1.0000                3      0",
        "both  acc          0.7500",
    ]


def test_a_group_is_handed_over_as_a_group(harness, tamis, tiny_folder) -> None:
    assert tamis("eval", tiny_folder, "--tasks", "both")[0] == 0
    assert harness[0] == ("manager", None, True) and harness[-1][2]["tasks"] == ["group"]


def test_tasks_of_the_folder_and_of_the_harness_can_be_named_together(
    harness, tamis, tiny_folder, tmp_path
) -> None:
    assert tamis("eval", tiny_folder, "--tasks", "own, both", "--task-path", tmp_path)[0] == 0
    assert [entry for entry in harness if entry[0] == "manager"] == [
        ("manager", str(tmp_path), False), ("manager", str(tmp_path), True),
    ]  # fmt: skip
    assert harness[-1][2]["tasks"] == ["task own", "group"]


def test_the_model_and_its_tokenizer_are_left_as_they_were(
    harness, tiny_model, tiny_tokenizer, tmp_path, monkeypatch
) -> None:
    from tamis_torch.checkpoint import Loaded
    from tamis_torch.harness import evaluate_tasks, find_tasks

    monkeypatch.setattr(logging.getLogger("lm_eval"), "level", logging.INFO)
    loaded = Loaded(tiny_model.train(), tiny_tokenizer, "tiny")
    assert len(evaluate_tasks(loaded, find_tasks(["own"], tmp_path))) == 3
    assert tiny_model.training and tiny_tokenizer.pad_token is None
    assert logging.getLogger("lm_eval").level == logging.INFO


BAD = {
    "neither text nor tasks": ("eval {model}", "give a text (--text), tasks (--tasks), or both"),
    "limit without tasks": ("eval {model} --text {text} --task-limit 3", "no meaning without --tasks"),
    "path without tasks": ("eval {model} --text {text} --task-path {there}", "no meaning without --tasks"),
    "no such task": ("eval {model} --tasks own", "there is no task 'own' in lm-evaluation-harness"),
    "no such task in the folder": ("eval {model} --tasks x --task-path {there}", "there is no task 'x' in {there} or lm-"),
    "an empty name": ("eval {model} --tasks own,", "tasks must be names, such as hellaswag,arc_easy"),
    "no such folder": ("eval {model} --tasks own --task-path {there}/no", "no does not exist, or is no folder"),
    "limit": ("eval {model} --tasks own --task-path {there} --task-limit 0", "limit must be at least 1, got 0"),
    "data out of reach": (
        "eval {model} --tasks hellaswag", "task hellaswag cannot be read: Couldn't reach 'Rowan/hellaswag' on the Hub",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, harness, tamis, tiny_folder, tiny_text, tmp_path) -> None:
    command, message = (text.format(model=tiny_folder, text=tiny_text, there=tmp_path) for text in BAD[case])
    code, _, errors = tamis(*command.split())
    assert code == 2 and message in errors and len(errors.strip().splitlines()) == 1, errors
    assert not any(entry[0] == "run" for entry in harness)


def test_without_the_library_the_message_names_the_extra(tamis, tiny_folder, monkeypatch) -> None:
    for name in ("lm_eval", "lm_eval.tasks"):
        monkeypatch.setitem(sys.modules, name, None)
    code, _, errors = tamis("eval", tiny_folder, "--tasks", "own")
    assert code == 2
    assert "the evaluation on tasks needs the library lm_eval: pip install 'tamis-torch[tasks]'" in errors


OWN = """
task: own
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 3.0}}
"""


@pytest.fixture
def own_tasks(tmp_path: Path, monkeypatch) -> Path:
    """A folder with a task: ten beginnings with two ends each."""
    if find_spec("lm_eval") is None:
        pytest.skip("the extra tamis-torch[tasks] is not installed")
    folder = tmp_path / "tasks"
    folder.mkdir()
    rows = [{"question": f"The {word} dog", "choices": [" sees", " xq zz"], "answer": int(i == 0)}
            for i, word in enumerate(["old", "green"] * 5)]  # fmt: skip
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / "own.yaml").write_text(OWN.format(data=json.dumps(str(folder / "own.jsonl"))), "utf-8")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked for the network"))
    return folder


@pytest.mark.parametrize("source", ["tiny_folder", "tiny_gguf"])
def test_a_task_of_ones_own_is_scored_as_by_hand(source, own_tasks, tamis, request) -> None:
    """The end with the larger sum of log-probabilities wins; the model in a .gguf file is the same."""
    import torch

    from tamis_torch.checkpoint import load

    model, tokenizer, _ = load(str(request.getfixturevalue(source)))
    right = 0
    for line in (own_tasks / "own.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        sums = []
        for choice in row["choices"]:
            start = len(tokenizer(row["question"])["input_ids"])
            ids = torch.tensor([tokenizer(row["question"] + choice)["input_ids"]])
            with torch.no_grad():
                logs = model(input_ids=ids).logits[0].log_softmax(-1)
            sums.append(sum(float(logs[t - 1, ids[0, t]]) for t in range(start, ids.shape[1])))
        right += sums[row["answer"]] == max(sums)
    code, out, errors = tamis(
        "eval", request.getfixturevalue(source), "--tasks", "own", "--task-path", own_tasks, "--json"
    )
    assert code == 0, errors
    (score,) = json.loads(out.splitlines()[-1])["tasks"]
    assert (score["metric"], score["samples"], score["shots"], score["version"]) == ("acc", 10, 0, "3.0")
    assert score["value"] == pytest.approx(right / 10)
