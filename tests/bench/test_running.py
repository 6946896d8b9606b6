"""What asv is asked to do, which commits are compared, and how its results are read."""

import json
import re
import subprocess
from pathlib import Path

import against_base
import install
import pytest
import running
from pages_of_asv import publish
from peers import index
from readings import commits, read


def test_the_configuration_names_absolute_places_and_the_suite_of_this_checkout(tmp_path):
    made = running.configuration(tmp_path)
    assert Path(made["benchmark_dir"], "perplexity.py").exists()
    assert Path(made["repo"]) == running.ROOT and made["results_dir"] == str(tmp_path)
    assert str(running.HERE / "install.py") in made["install_command"][0]
    assert (running.ROOT / "constraints.txt").exists()


def test_the_quick_mode_takes_every_method_at_90_and_no_other_goal():
    def taken(name):
        return any(re.search(pattern, name) for pattern in running.QUICK)

    assert taken("perplexity.track_elsa_l('90%')") and not taken("perplexity.track_elsa_l('50%')")
    assert taken("solver.Answers.track_gap('logistic', 'fast')") and taken("ratios.track_step")
    assert taken("ratios.Selection.track_selection_by_topk(100000, 'float32')")
    assert not taken("projections.time_Box") and not taken("ratios.time_load")


def fake_asv(monkeypatch, status):
    calls = []

    def asv(configuration, *arguments, stdin=None):
        calls.append((arguments, stdin))
        return status if arguments[0] == "run" else 0

    monkeypatch.setattr(running, "asv", asv)
    return calls


def test_names_that_are_measured_again_are_taken_literally(monkeypatch, tmp_path):
    calls = fake_asv(monkeypatch, 2)  # a benchmark failed: a reading without a value, no error
    running.measure(tmp_path, ["a", "b"], ["x.time(1.5)"], again=True, in_turn=True)
    arguments, stdin = calls[-1]
    assert stdin == "a\nb\n" and "--interleave-rounds" in arguments and "--skip-existing" not in arguments
    pattern = arguments[arguments.index("--bench") + 1]
    assert re.search(pattern, "x.time(1.5)") and not re.search(pattern, "x.time(1.5) ")


def test_an_asv_that_fails_is_an_error(monkeypatch, tmp_path):
    fake_asv(monkeypatch, 1)
    with pytest.raises(SystemExit, match="exit status 1"):
        running.measure(tmp_path, ["a"], [])


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with two commits on main and two on a branch, checked out."""

    def git(*arguments):
        settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        said = subprocess.run(["git", *settings, *arguments], cwd=tmp_path, check=True, stdout=-1, text=True)
        return said.stdout.strip()

    git("init", "--quiet", "--initial-branch", "main")
    hashes = []
    for number in range(4):
        if number == 2:
            git("checkout", "--quiet", "-b", "work")
        (tmp_path / "file").write_text(str(number))
        git("add", ".")
        git("commit", "--quiet", "--message", str(number))
        hashes.append(git("rev-parse", "HEAD"))
    monkeypatch.setattr(running, "ROOT", tmp_path)
    return tmp_path, git, hashes


def test_the_base_is_where_the_branch_left_main_or_the_parent_or_what_is_asked_for(repository):
    _, git, (first, second, _, last) = repository
    assert against_base.base(None, against_base.tip()) == second
    assert against_base.base("main~1", last) == first
    git("checkout", "--quiet", "main")
    assert against_base.base(None, against_base.tip()) == first


def test_changes_that_are_not_committed_are_measured_and_nothing_is_moved(repository):
    folder, git, (_, second, _, last) = repository
    assert against_base.tip() == last
    (folder / "file").write_text("changed")
    made = against_base.tip()
    assert made != last and git("show", f"{made}:file") == "changed"
    assert (folder / "file").read_text() == "changed" and git("stash", "list") == ""
    git("checkout", "--quiet", "--force", "main")
    (folder / "file").write_text("changed")
    assert against_base.base(None, against_base.tip()) == second


def results(folder, commit, value, version="1"):
    (folder / "m").mkdir(parents=True, exist_ok=True)
    content = {
        "commit_hash": commit,
        "date": int(commit[0], 16),
        "results": {"q.track": [[value], [], version]},
    }
    (folder / f"m/{commit[:8]}-env.json").write_text(json.dumps(content))
    stated = {"type": "track", "unit": "u", "kind": "quality", "version": "1"}
    (folder / "benchmarks.json").write_text(json.dumps({"q.track": stated, "version": 2}))


def test_results_are_read_by_commit_and_those_of_another_version_are_not(tmp_path):
    results(tmp_path, "b" * 40, 2.0)
    results(tmp_path, "a" * 40, 1.0, version="0")
    assert list(commits(tmp_path)) == ["a" * 40, "b" * 40]
    assert read(tmp_path, "b" * 40)["q.track"].value == 2.0
    assert read(tmp_path, "a" * 40) == {}
    with pytest.raises(FileNotFoundError, match="c" * 40):
        read(tmp_path, "c" * 40)


def test_both_wheels_are_installed_and_none_is_an_error(tmp_path):
    for name in ("tamis_torch-1.whl", "tamis-1.whl"):
        (tmp_path / name).touch()
    command = install.command(tmp_path, Path("constraints.txt"))
    wheels = [Path(part).name for part in command if ".whl" in part]
    assert wheels == ["tamis-1.whl", "tamis_torch-1.whl[images]"]
    with pytest.raises(SystemExit, match="no wheel"):
        install.command(tmp_path / "none", Path("constraints.txt"))


def test_pages_stay_as_they_were_if_asv_fails(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("old")
    monkeypatch.setattr("pages_of_asv.asv", lambda *arguments: 1)
    with pytest.raises(SystemExit, match="asv publish failed"):
        publish(tmp_path)
    assert (tmp_path / "index.html").read_text() == "old"


def test_the_index_of_peers_leads_to_every_table_that_there_is():
    folder = index.RESULTS
    page = (folder / "peers.md").read_text("utf-8")
    found = {name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in index.PEERS}
    assert page == index.page(found)
    assert all((folder / f"{name}.md").exists() and f"({name}.md)" in page for name in index.PEERS)
