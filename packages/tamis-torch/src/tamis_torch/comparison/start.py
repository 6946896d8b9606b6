"""What a run started from, where that was the model of another run.

A run's model is ``FOLDER/model``, so a run that was given such a path began with a model that
another one had pruned (or trained on): its "before" is not the dense model's perplexity, and its
method is only the second half of what was done.
"""

from pathlib import Path

from tamis_torch.comparison.row import KEYS, Entry, from_folder
from tamis_torch.errors import InputError
from tamis_torch.pages import words
from tamis_torch.pages.run_folder import RunFolder, read_run


def find_start(run: RunFolder, seen: frozenset[Path] = frozenset()) -> Entry | None:
    """Return the run that this one started from; None if it began with a dense model, as far as can be seen.

    ``run.json`` may name its method ("start_method").  Its folder is looked for where the settings
    have it, then beside this one's.  A masked fine-tuning whose start is not found began with
    something that nothing is known of.
    """
    seen = seen | {run.path.resolve()}
    said, earlier = run.run.get("start_method"), _earlier(run, seen)
    if earlier and said in (None, earlier.config.get("method")):
        return from_folder(earlier, find_start(earlier, seen))
    masked = run.config.get("method") == "finetune"
    return Entry(dict.fromkeys(KEYS) | {"label": said}, {}, []) if said or masked else None


def _earlier(run: RunFolder, seen: frozenset[Path]) -> RunFolder | None:
    model = Path(words.model(run))
    for folder in (model.parent, run.path.parent / model.parent.name) if model.name == "model" else ():
        if folder.resolve() not in seen and (folder / "run.json").is_file():
            try:
                return read_run(folder)
            except InputError:
                return None
    return None
