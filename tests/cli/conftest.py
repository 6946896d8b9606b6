"""The command line, run in the test's own process."""

import sys

import pytest

from tamis_torch.cli import main


@pytest.fixture
def tamis(monkeypatch, capsys):
    """Return a function that runs a command in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tamis", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run
