"""What the page on pruning says: its commands run, one after the other, and its tables are of what there is."""

import ast
import re
import shlex
import shutil
import sys
from inspect import getsource
from pathlib import Path
from textwrap import dedent

import pytest
import typer

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "prune.md").read_text("utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
TRAINED = ("elsa", "finetune", "dense")


@pytest.fixture
def user(tiny_tokenizer, tiny_text, tmp_path, monkeypatch) -> Path:
    """The working folder of a user: a model with a context of 512 tokens and two texts."""
    from tiny import build_model
    from transformers import LlamaForCausalLM

    from tamis_torch.checkpoint import save

    config = build_model().config
    config.max_position_embeddings = 512
    save(LlamaForCausalLM(config), tiny_tokenizer, tmp_path / "my-model")
    for name in ("books.txt", "wiki.txt"):
        shutil.copy(tiny_text, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shortened(line: str) -> list[str]:
    """Return the words of a command, with fewer steps or windows where it prunes."""
    words = shlex.split(line)
    if words[1] != "prune":
        return words
    method = words[words.index("--method") + 1] if "--method" in words else "elsa"
    few = ["--steps", "3"] if method in TRAINED else ["--samples", "2"] if method != "magnitude" else []
    return [*words, *few, "--eval-windows", "2"]


@pytest.mark.filterwarnings("ignore")
def test_its_commands_run_one_after_the_other(user, monkeypatch, capsys) -> None:
    from tamis_torch.cli import main

    for line in COMMANDS:
        monkeypatch.setattr(sys, "argv", shortened(line))
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, (line, capsys.readouterr().err)
    assert "alps + finetune" in (user / "comparison.html").read_text("utf-8")


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_line_knows_every_option_of_a_command(line: str) -> None:
    from tamis_torch.cli import app

    tool, verb, *arguments = shlex.split(line)
    assert tool == "tamis" and typer.main.get_command(app).commands[verb].make_context(verb, arguments)


@pytest.mark.filterwarnings("ignore")
def test_the_two_examples_that_write_files_run_as_shown(user, monkeypatch, tiny_model) -> None:
    import torch

    import tamis_torch as tt

    unfenced = re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL)
    prune, trainer = map(dedent, re.findall(r"(?:^    .*\n|^\n(?=    ))+", unfenced, re.MULTILINE))
    monkeypatch.setattr(tt, "Elsa", lambda elsa=tt.Elsa, **given: elsa(**{"steps": 3} | given))
    exec(prune, {})
    assert (user / "runs" / "elsa" / "model").is_dir()
    names = {"torch": torch, "tt": tt, "model": tiny_model}
    exec(trainer, names)
    assert names["optimizer"].final


@pytest.mark.filterwarnings("error::UserWarning")
def test_the_loop_of_ones_own_ends_without_a_warning() -> None:
    exec(re.search(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL).group(1), {})


def test_every_method_has_its_row() -> None:
    from tamis_torch.methods.names import HOMES

    section = PAGE.split("## The methods")[1].split("*layer-wise*")[0]
    assert re.findall(r"^\| `([a-z][a-z-]+)` \|", section, re.MULTILINE) == list(HOMES)


def test_every_warning_of_the_page_is_one_that_the_package_gives() -> None:
    from tamis_torch import advice, resume
    from tamis_torch.blockwise import safe, walk
    from tamis_torch.methods import sparsegpt

    modules = (advice, resume, safe, sparsegpt, walk)
    said = "\n".join(text for module in modules for text in texts_of(getsource(module)))
    rows = re.findall(r"^\| `([^`]+)` \|", PAGE.split("## What the warnings mean")[1], re.MULTILINE)
    assert len(rows) == 11
    for row in rows:
        assert re.search(re.escape(row).replace(r"\.\.\.", r"\S+"), said), row


def texts_of(source: str) -> list[str]:
    """Return the texts in a module, what is filled in as "..."."""
    found = []
    for node in ast.walk(ast.parse(source)):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        if isinstance(node, ast.JoinedStr | ast.Constant):
            found.append(
                "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in parts)
            )
    return found
