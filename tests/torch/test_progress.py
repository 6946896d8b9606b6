"""The display of a run: live on a terminal, plain lines elsewhere, a time left that can be believed."""

import io
import sys

import pytest
from rich.console import Console

from tamis_torch.progress import Progress
from tamis_torch.speed import WINDOW, Speed


class Clock:
    """Seconds that pass when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def plain(total=400, tokens=1024):
    out, clock = io.StringIO(), Clock()
    return Progress(total, tokens, console=Console(file=out), clock=clock), out, clock


def go(progress, clock, steps, seconds=0.5, first=5.0):
    for step in steps:
        clock.now += first if step == steps[0] else seconds
        progress.update(
            step, loss=3.0 + 1 / step, residual=0.5 / step if step % 16 == 0 else None, sparsity=0.9
        )


def test_plain_lines_come_every_twentieth_after_the_first_and_at_the_end():
    progress, out, clock = plain()
    with progress:
        go(progress, clock, range(1, 401))
    lines = out.getvalue().splitlines()
    assert [int(line.split("/")[0].split()[1]) for line in lines] == [1, *range(20, 401, 20)]
    assert lines[-1] == (
        "step 400/400  loss 3.00  |w-z|/|w| 0.00125  sparsity 90%  2,048 tokens/s  0.0 s left"
    )


@pytest.mark.parametrize("total", [1, 3, 20, 21, 1000])
def test_last_step_is_printed_once_whatever_their_number(total):
    progress, out, clock = plain(total)
    with progress:
        go(progress, clock, range(1, total + 1))
    lines = out.getvalue().splitlines()
    assert lines[-1].startswith(f"step {total}/{total}")
    assert len(lines) == len(set(lines)) <= 22


def test_plain_output_has_no_control_characters():
    progress, out, clock = plain(40)
    with progress:
        go(progress, clock, range(1, 41))
        progress.note("a warning\x1b[31m in\rred [bold]kept[/bold]")
    text = out.getvalue()
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert text.isascii()
    assert "[bold]kept[/bold]" in text


def test_interruption_prints_where_it_stopped():
    progress, out, clock = plain()
    with pytest.raises(KeyboardInterrupt), progress:
        go(progress, clock, range(1, 27))
        raise KeyboardInterrupt
    assert out.getvalue().splitlines()[-1].startswith("step  26/400")


def test_nothing_is_printed_for_a_run_without_a_step():
    progress, out, _ = plain(0)
    with progress:
        pass
    assert out.getvalue() == ""


def test_unknown_values_are_dashes_and_nan_is_said():
    progress, out, clock = plain(10)
    with progress:
        clock.now += 1
        progress.update(1, loss=float("nan"))
    assert "loss NaN  |w-z|/|w| -  sparsity -" in out.getvalue()


def test_time_left_is_sane_from_the_second_step_though_the_first_was_slow():
    """The first step takes ten times as long as each of the others: only the first guess is misled."""
    speed, clock = speed_and_clock()
    speed.begin()
    assert speed.seconds_per_step() is None
    seen = []
    for step in range(1, 6):
        clock.now += 5.0 if step == 1 else 0.5
        speed.ended(step)
        seen.append(speed.seconds_per_step())
    assert seen == pytest.approx([5.0, 0.5, 0.5, 0.5, 0.5])


def test_time_left_follows_a_change_of_speed_and_counts_slow_updates():
    """Every 16th step takes longer; the mean over the window is near the true one, also after a slow-down."""
    speed, clock = speed_and_clock()
    for step in range(1, 400):
        clock.now += (2.0 if step % 16 == 0 else 0.5) * (1 if step < 200 else 3)
        speed.ended(step)
    assert speed.seconds_per_step() == pytest.approx(3 * (0.5 + 1.5 / 16), rel=0.1)
    assert WINDOW > 3 * 16


def test_resumed_run_counts_from_where_it_goes_on():
    progress, out, clock = plain()
    with progress:
        go(progress, clock, range(201, 203))
    assert out.getvalue().splitlines()[0].startswith("step 201/400")
    assert out.getvalue().splitlines()[-1].endswith("2,048 tokens/s  1 min 39 s left")


def speed_and_clock():
    clock = Clock()
    return Speed(clock), clock


def terminal(width=80):
    out, clock = io.StringIO(), Clock()
    console = Console(
        file=out, force_terminal=True, width=width, height=24, legacy_windows=False, _environ={}
    )
    return Progress(400, 1024, console=console, clock=clock), out, clock


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_shows_everything_in_two_lines(width):
    progress, out, clock = terminal(width)
    with progress:
        go(progress, clock, range(1, 201))
        progress.note("penalty [x] is low")
    last = Console(file=io.StringIO(), width=width, record=True)
    last.print(progress._display())
    lines = last.export_text().splitlines()
    assert len(lines) == 2
    assert lines[0].rstrip().endswith("200/400  50%  1 min 40 s left")
    assert lines[1].rstrip() == "loss 3.00  |w-z|/|w| 0.00260  sparsity 90%  2,048 tokens/s"
    assert "\x1b[" in out.getvalue()
    assert "penalty [x] is low" in out.getvalue()


def test_terminal_is_given_back_after_an_error():
    """The cursor, hidden while the display lives, is shown again."""
    progress, out, clock = terminal()
    with pytest.raises(RuntimeError), progress:
        go(progress, clock, range(1, 3))
        raise RuntimeError
    assert out.getvalue().rfind("\x1b[?25h") > out.getvalue().rfind("\x1b[?25l") >= 0


def test_dumb_terminal_gets_plain_lines():
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, _environ={"TERM": "dumb"})
    with Progress(1, 1, console=console) as progress:
        progress.update(1, loss=1.0)
    assert out.getvalue().startswith("step 1/1  loss 1.00")
    assert "\x1b" not in out.getvalue()


def test_goes_to_stderr_even_if_colour_is_forced(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Progress(1, 1) as progress:
        progress.update(1, loss=1.0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("step 1/1  loss 1.00")
    assert "\x1b" not in captured.err
    assert not sys.stderr.isatty()


def test_negative_sizes_are_refused():
    with pytest.raises(ValueError, match="total_steps must not be negative, got -1"):
        Progress(-1, 1)
