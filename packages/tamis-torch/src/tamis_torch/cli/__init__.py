"""The command line, a file a verb; torch is imported only when a verb does its work.

Exit codes: 0 done, 1 the run failed, 2 something given cannot be used, 130 stopped by Ctrl-C.
Either error is one readable line; anything else is a fault of ours and shows a traceback.
"""

import os
import sys
from typing import Any

import typer

from tamis_torch.cli import compare, demo, evaluate, inspect, plan, prune, train_sparse
from tamis_torch.errors import InputError, RunError

UsageError: Any = typer.BadParameter.__base__  # click's, wherever this version of typer keeps it

app = typer.Typer(
    name="tamis",
    help="Prune language models and image classifiers to high sparsity by ADMM on their own loss.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("prune")(prune.command)
app.command("train-sparse")(train_sparse.command)
app.command("eval")(evaluate.command)
app.command("plan")(plan.command)
app.command("inspect")(inspect.command)
app.command("compare")(compare.command)
app.command("demo")(demo.command)


def main() -> None:
    """Run the command line and exit."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        sys.exit(app(standalone_mode=False))
    except UsageError as error:  # no arguments: the help has been shown, there is no message
        _stop(error.format_message(), 2)
    except InputError as error:
        _stop(str(error), 2)
    except RunError as error:
        _stop(str(error), 130 if type(error).__name__ == "Interrupted" else 1)
    except (KeyboardInterrupt, typer.Abort):
        _stop("interrupted", 130)


def _stop(message: str, code: int) -> None:
    if message and (os.environ.get("RANK", "0") == "0" or "another rank" in message):  # once, if all say it
        print(f"tamis: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
