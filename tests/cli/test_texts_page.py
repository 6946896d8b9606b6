"""The commands of the page on texts: each is one that the command line knows, and those that need no hub run."""

import re
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "texts.md").read_text("utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
OFFLINE = [line for line in COMMANDS if "books" in line]
TASK = re.search(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL).group(1)


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_line_knows_every_option_of_the_page(line: str) -> None:
    from tamis_torch.cli import app

    tool, verb, *arguments = shlex.split(line)
    command = typer.main.get_command(app).commands[verb]
    assert tool == "tamis" and command.make_context(verb, arguments)


def run(line: str, monkeypatch, capsys) -> str:
    from tamis_torch.cli import main

    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert not ended.value.code, shown.err
    return shown.out


@pytest.fixture
def user(tiny_folder, tiny_text, tmp_path, monkeypatch) -> Path:
    """The working folder of a user: a model, ``my-model``, and ``books.txt``."""
    shutil.copytree(tiny_folder, tmp_path / "my-model")
    shutil.copy(tiny_text, tmp_path / "books.txt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_that_need_no_hub_run_one_after_the_other(user, monkeypatch, capsys) -> None:
    assert len(OFFLINE) == 3
    shown = [run(line, monkeypatch, capsys) for line in OFFLINE]
    assert all("perplexity" in out for out in shown)


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="the extra tamis-torch[tasks] is not installed")
def test_the_task_of_ones_own_runs_as_shown(user, monkeypatch, capsys) -> None:
    (user / "tasks").mkdir()
    (user / "tasks" / "animals.yaml").write_text(TASK, "utf-8")
    (user / "animals.jsonl").write_text(re.search(r"# ({.*})", TASK).group(1) + "\n", "utf-8")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(user / "cache"))
    (line,) = [line for line in COMMANDS if "animals" in line]
    assert "animals  acc" in run(line, monkeypatch, capsys)
