"""What the page of a run on images says where that of a language model tells of tokens and perplexity."""

from markupsafe import Markup

from tamis_torch.human import count, number, percent, tenths
from tamis_torch.pages.dot_plot import Dot, dot_plot
from tamis_torch.pages.run_folder import Record, RunFolder
from tamis_torch.pages.svg import Chart
from tamis_torch.pages.words_figure import Figure


def is_on_images(run: RunFolder) -> bool:
    """Return whether a run trained a classifier of images."""
    return "accuracy" in run.run


def accuracy_figure(accuracy: Record | None, data: Record | None) -> Figure:
    """Return the accuracy on test images as a headline figure."""
    after = (accuracy or {}).get("after")
    if accuracy is None or after is None:
        return Figure("Accuracy", percent(None), ["not measured: the run ended before"])
    images = (data or {}).get("images")
    lines = [f"on {number(images)} test images"] if images else []
    lines += [f"cross-entropy {number(accuracy['loss'])}"] if accuracy.get("loss") is not None else []
    before = accuracy.get("before")
    return Figure("Accuracy", tenths(after), lines, tenths(before) if before is not None else "")


def images_figure(run: RunFolder) -> Figure:
    """Return how many images were read as a headline figure."""
    batch, epochs = run.config.get("batch_size"), run.config.get("epochs")
    lines = [f"{number(run.metrics[-1]['step'])} steps of {number(batch)}"] if run.metrics and batch else []
    lines += [f"{number(epochs)} epochs asked for"] if epochs else []
    return Figure("Training images", count(run.run.get("images_read")), lines)


def accuracy_chart(accuracy: Record) -> Markup:
    """Return the accuracies of a run on one axis."""
    dots = [
        Dot("test images, before training", accuracy.get("before"), "quiet"),
        Dot("test images, before the last projection", accuracy.get("unprojected"), "quiet"),
        Dot("test images, after", accuracy.get("after"), "s0"),
        Dot("training images as labelled, after", accuracy.get("train"), "s1"),
    ]
    chart = Chart("Accuracy", "Share of images that the network gets right.", zero=True, show=tenths)
    return dot_plot(chart, [dot for dot in dots if dot.value is not None])
