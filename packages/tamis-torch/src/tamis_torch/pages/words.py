"""What a run is called and said to have done: title, headline figures, the command that repeats it."""

import math
import shlex
from pathlib import Path

from tamis_torch.human import UNKNOWN, count, duration, number, percent, size
from tamis_torch.pages.image_words import accuracy_figure, images_figure, is_on_images
from tamis_torch.pages.layers import Layer
from tamis_torch.pages.run_folder import GIVEN, Record, RunFolder, is_by_block
from tamis_torch.pages.words_figure import Figure

METHODS = {
    "elsa": "Elsa",
    "elsa-l": "Elsa-L",
    "safe": "SAFE",
    "safe-plus": "SAFE+",
    "magnitude": "magnitude pruning",
    "wanda": "Wanda",
    "sparsegpt": "SparseGPT",
    "alps": "ALPS",
    "ladmm": "L-ADMM",
    "admm": "ADMM",
    "gmp": "gradual magnitude pruning",
    "gmp-sam": "gradual magnitude pruning in flat minima",
    "imp": "iterative magnitude pruning",
    "sam": "sharpness-aware training",
}
ANY_LAYER = {"layers": "*", "skip": ""}  # settings that say nothing
TURNED_OFF = {"in_backward": "--after-backward"}  # by an option; all else that is off is off by default
ONLY_IN_PYTHON = ("block", "iterations", "every")  # settings of methods that prune block by block


def title(run: RunFolder) -> str:
    """Return what was done: the model, the method, the sparsity, and whether it came to its end."""
    goal = run.config.get("pattern") or percent(run.config.get("sparsity", run.run.get("sparsity")))
    what = f"pruned to {goal} with {method_name(run)}"
    if run.config.get("method") in ("dense", "sam"):
        what = "trained, without pruning" if is_on_images(run) else "trained on, without pruning"
    text = f"{model_name(run)} {what}"
    return text if status(run) == "complete" else f"{text} ({status(run)})"


def lead(run: RunFolder) -> str:
    """Return one sentence on how it was trained, or on what it was calibrated."""
    if not run.metrics:
        return "No training step was made."
    config = run.config
    train = f" of {Path(config['train']).name}" if config.get("train") else ""
    where = (
        f", on {config['device']} in {config['dtype']}"
        if config.get("device") and config.get("dtype")
        else ""
    )
    steps = number(run.metrics[-1]["step"])
    if is_by_block(run.metrics):
        return (
            f"{steps} blocks one by one, on {count(run.run.get('calibration_tokens'))} tokens{train}{where}."
        )
    if is_on_images(run):
        data = f" of {Path(config['data']).name}" if config.get("data") else ""
        return f"{steps} steps, {count(run.run.get('images_read'))} images{data}{where}."
    return f"{steps} steps, {count(run.run.get('train_tokens'))} tokens{train}{where}."


def stopped(run: RunFolder) -> str:
    """Return the heading for a run that did not come to its end; empty if it did."""
    if status(run) == "complete":
        return ""
    done = run.metrics[-1]["step"] if run.metrics else 0
    asked = f" of {number(run.config['steps'])}" if run.config.get("steps") else ""
    unit = "block" if is_by_block(run.metrics) else "step"
    where = f"at {unit} {number(done)}{asked}" if done else "before the first step"
    return f"This run {'was interrupted' if status(run) == 'interrupted' else 'failed'} {where}"


def figures(run: RunFolder, layers: list[Layer]) -> list[Figure]:
    """Return the few numbers that matter, the most important first."""
    nonzeros, entries = sum(layer.nonzeros for layer in layers), sum(layer.entries for layer in layers)
    kept = [f"{count(nonzeros)} of {count(entries)} weights kept"] if layers else []
    asked = (
        [f"asked for: {percent(run.config['sparsity'])}"] if run.config.get("sparsity") is not None else []
    )
    memory, disk = run.run.get("peak_memory_bytes"), (run.run.get("size") or {}).get("model_bytes")
    images = is_on_images(run)
    test = (run.run.get("data") or {}).get("eval")
    return [
        accuracy_figure(run.run.get("accuracy"), test) if images else _perplexity(run.run.get("perplexity")),
        Figure("Sparsity", percent(run.run.get("sparsity")), kept + asked),
        Figure("Model on disk", size(disk), ["zeros are stored as well"] if disk else []),
        Figure(
            "Time", duration(run.run.get("seconds")), [f"{size(memory)} of memory at most"] if memory else []
        ),
        images_figure(run) if images else _tokens(run),
    ]


def command(run: RunFolder) -> str:
    """Return the `tamis prune` (or `train-sparse`) command line that does the same again.

    Empty if there is none: of a network or images that were in memory.
    """
    if any(str(run.config.get(name)).startswith(GIVEN) for name in ("arch", "data")):
        return ""
    words = [
        _option(name, value)
        for name, value in run.config.items()
        if name not in ("model", *ONLY_IN_PYTHON)
        and not name.endswith("_hash")
        and value is not None
        and (value is not False or name in TURNED_OFF)
        and value != ANY_LAYER.get(name)
    ]
    first = "tamis train-sparse" if is_on_images(run) else f"tamis prune {shlex.quote(model(run))}"
    return " \\\n    ".join([first, *words, f"--out {shlex.quote(run.path.name + '-again')}"])


def _option(name: str, value: object) -> str:
    """Return an option as it is typed; of what is on or off only the name is."""
    if value is False:
        return TURNED_OFF[name]
    option = f"--{name.replace('_', '-')}"
    return option if value is True else f"{option} {shlex.quote(str(value))}"


def model(run: RunFolder) -> str:
    """Return the model as the user named it."""
    return str(run.config.get("model") or run.run.get("model") or "model")


def model_name(run: RunFolder) -> str:
    """Return the last part of the model's path or hub name, without the ending of a GGUF file."""
    return (Path(model(run)).name or model(run)).removesuffix(".gguf")


def method_name(run: RunFolder) -> str:
    """Return the method's name as its paper writes it."""
    method = str(run.config.get("method") or run.run.get("method") or "an unnamed method")
    return METHODS.get(method, method)


def status(run: RunFolder) -> str:
    """Return complete, interrupted or failed."""
    return str(run.run.get("status", "complete"))


def ratio(before: float | None, after: float | None) -> float | None:
    """Return after / before where both are known and it can be said."""
    return after / before if before and after is not None and math.isfinite(before) else None


def _perplexity(perplexity: Record | None) -> Figure:
    if not perplexity:
        return Figure("Perplexity", UNKNOWN, ["not measured: no evaluation text, or the run ended before"])
    before, after = perplexity.get("before"), perplexity.get("after")
    text = Path(perplexity.get("text") or "text not recorded").name
    where = (
        f"{text}, {number(perplexity.get('windows'))} windows of {number(perplexity.get('seq_len'))} tokens"
    )
    change = ratio(before, after)
    lines = [f"{number(change)} times what it was"] if change is not None else []
    return Figure("Perplexity", number(after), [*lines, where], number(before) if before is not None else "")


def _tokens(run: RunFolder) -> Figure:
    """Return how much text was read: trained on, or calibrated on."""
    length, calibration = run.config.get("seq_len"), run.run.get("calibration_tokens")
    if run.run.get("train_tokens"):
        before = [f"after a start calibrated on {count(calibration)}"] if calibration else []
        return Figure("Training tokens", count(run.run["train_tokens"]), _tokens_a_step(run) + before)
    if calibration and length:
        windows = f"{number(calibration // length)} windows of {number(length)} tokens"
        return Figure("Calibration tokens", count(calibration), [windows, "no training"])
    return Figure("Training tokens", count(run.run.get("train_tokens")), _tokens_a_step(run))


def _tokens_a_step(run: RunFolder) -> list[str]:
    batch, length = run.config.get("batch_size"), run.config.get("seq_len")
    if not (run.metrics and batch and length):
        return []
    return [f"{number(run.metrics[-1]['step'])} steps of {number(batch)} by {number(length)} tokens"]
