"""The sessions of the repository; each sets itself up from nothing.

``nox -l`` lists them, ``nox -s NAME -- ARGUMENTS`` passes arguments on.  Every install is held
to the exact versions of ``constraints.txt``.
"""

import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "types", "tests"]

CORE, TORCH = "packages/tamis", "packages/tamis-torch"
DEMO_MODEL = f"{TORCH}/src/tamis_torch/demo/model"
SOURCES = {"PYTHONPATH": f"{CORE}/src:{TORCH}/src"}
PEERS, RESULTS = "benchmarks/peers/solver", "benchmarks/results"
COQ = "coq libcoq-mathcomp-algebra libcoq-mathcomp-algebra-tactics libcoq-mathcomp-zify"  # Debian's packages
PROCESSES = ("-n", "auto", "--maxprocesses", "8", "--dist", "loadfile")  # a file's tests stay together
PYPROJECT = nox.project.load_toml("pyproject.toml")


def group(*names: str) -> list[str]:
    """Return the requirements of dependency groups of the root ``pyproject.toml``."""
    return [requirement for name in names for requirement in nox.project.dependency_groups(PYPROJECT, name)]


def install(session: nox.Session, *requirements: str) -> None:
    """Install both packages as a user would get them, built with the pinned build tools."""
    session.install("-c", "constraints.txt", *group("build"), *requirements)
    session.install("-c", "constraints.txt", "--no-build-isolation", f"./{CORE}", f"./{TORCH}")


@nox.session(venv_backend="none")
def dev(session: nox.Session) -> None:
    """Make .venv: both packages editable, with every tool."""
    session.run(sys.executable, "-m", "venv", ".venv")
    python = str(Path(".venv", "Scripts" if sys.platform == "win32" else "bin", "python").absolute())
    pip = [python, "-m", "pip", "install", "-c", "constraints.txt"]
    session.run(*pip, *group("dev"))
    session.run(*pip, "--no-build-isolation", "-e", f"./{CORE}", "-e", f"./{TORCH}")


@nox.session
def demo(session: nox.Session) -> None:
    """Prune the model that comes with the package and show what is left of it."""
    install(session)
    session.run("tamis", "demo", "--out", "runs/demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, without the slow ones, on the installed packages, a process a core (``-n 0``: one)."""
    install(session, *group("test"))
    session.run("pytest", "-m", "not slow", *PROCESSES, *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session
def torture(session: nox.Session) -> None:
    """Kill runs at a hundred moments, damage and starve them, also one of several ranks: nothing may be lost.

    Takes minutes.  ``-- --random 200 --seed 7`` for other and more moments.
    """
    install(session, *group("test"))
    session.run("python", "tests/torture/run.py", "--out", f"{RESULTS}/torture.json", *session.posargs)
    session.run("pytest", "tests/torch/test_ranks.py", "tests/torch/test_rank_runs.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and the direction of imports."""
    session.install("-c", "constraints.txt", *group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", env=SOURCES)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of both packages strictly."""
    install(session, *group("types"))
    session.run("mypy", "-p", "tamis", "-p", "tamis_torch", *session.posargs)


@nox.session(venv_backend="none")
def proofs(session: nox.Session) -> None:
    """Check the proofs by Coq, and that they break when a hypothesis is changed; skipped without coqc.

    ``-- --must-run`` fails instead of skipping.
    """
    if shutil.which("coqc") is None:
        end = session.error if "--must-run" in session.posargs else session.skip
        end(f"the proofs need coqc: apt-get install --no-install-recommends {COQ}")
    session.run(sys.executable, "proofs/check.py")


@nox.session
def certificates(session: nox.Session) -> None:
    """Ask by performance estimation which constants of the proofs are the best possible (minutes)."""
    session.install("-r", "proofs/certificates/requirements.txt")
    session.run("python", "proofs/certificates/run.py", "--out", "proofs/certificates/outcome.json")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages into docs/_build, warnings being errors, and run the gallery (minutes).

    ``-- -D plot_gallery=0`` leaves the gallery as text; the guide's examples and the links are tested by
    ``tests``.
    """
    install(session, *group("docs"))
    session.run(
        "sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html", *session.posargs
    )
    if shutil.which("npm"):
        session.run("python", "benchmarks/pages_of_asv.py", "docs/_build/html/asv")
    else:
        session.warn("no npm, which fetches the scripts of asv's pages: they are left out")


@nox.session
def bench(session: nox.Session) -> None:
    """Compare this checkout with its merge base; fail if something is worse (minutes; ``-- --full``)."""
    session.install("-c", "constraints.txt", *group("bench"))
    session.run("python", "benchmarks/against_base.py", *session.posargs)


@nox.session
def asv(session: nox.Session) -> None:
    """Measure releases and the last commits, go on where it was stopped, and draw the pages (an hour or two).

    ``-- --last 5``, ``-- --quick``, ``-- --commits HASH HASH`` and ``-- --publish-only`` for less.
    """
    session.install("-c", "constraints.txt", *group("bench", "charts"))
    session.run("python", "benchmarks/history.py", *session.posargs)


@nox.session(name="train-demo-model")
def train_demo_model(session: nox.Session) -> None:
    """Train the model that comes with the package again (hours)."""
    install(session)
    session.run("python", "-m", "tamis_torch.demo.recipe", DEMO_MODEL, *session.posargs)


@nox.session(name="study-llm")
def study_llm(session: nox.Session) -> None:
    """Prune one model by every method to every sparsity (hours on two cores); goes on where it was stopped.

    It takes the package's small model; for SmolLM2-135M ``-- --model smollm2 --data FOLDER``, see the file.
    """
    install(session)
    session.run("python", "benchmarks/studies/llm.py", *session.posargs)


@nox.session(name="study-vision")
def study_vision(session: nox.Session) -> None:
    """Train image classifiers by every method at every sparsity (an hour or so for the digits); goes on.

    Other images: ``-- --data FOLDER --images 10000 --epochs 10``; wrong labels: ``-- --label-noise 0.5``.
    """
    install(session, *group("test"))
    session.run("python", "benchmarks/studies/vision.py", *session.posargs)


@nox.session(name="study-flatness")
def study_flatness(session: nox.Session) -> None:
    """Measure how flat and robust the networks of study-vision are: ``-- vision-digits-resnet8``."""
    install(session, *group("test"))
    session.run("python", "benchmarks/studies/vision_flatness.py", *session.posargs)


@nox.session(name="study-memory")
def study_memory(session: nox.Session) -> None:
    """Measure the bytes a parameter of Adam, Elsa and each step to Elsa-L (minutes, Linux)."""
    install(session)
    session.run("python", "benchmarks/studies/memory.py", *session.posargs)


@nox.session
def peers(session: nox.Session) -> None:
    """Compare with other packages: ``-- solver`` (an hour), ``-- llm`` or ``-- torch`` (minutes).

    Further arguments go to ``run.py``, such as ``--cells ls-500-rho0.9-snr5`` of the solver's, whose
    phase transition is then left out, or ``--seeds 0`` of the other.  ``llm`` fails if the two sides differ.
    """
    kinds = {
        "solver": peers_of_the_solver,
        "llm": peers_of_the_layerwise_methods,
        "torch": peers_in_torch,
    }
    kind, *arguments = session.posargs or [""]
    if kind not in kinds:
        session.error(f"say what to compare: nox -s peers -- {' or '.join(kinds)}; got {session.posargs}")
    kinds[kind](session, arguments)
    session.run("python", "benchmarks/peers/index.py")


def peers_of_the_solver(session: nox.Session, arguments: list[str]) -> None:
    """Solve the same problems by tamis and by best-subset packages."""
    session.install("-c", "constraints.txt", *group("build"), "-r", f"{PEERS}/requirements.txt")
    session.install("-c", "constraints.txt", "--no-build-isolation", f"./{CORE}")
    l0learn = Path(session.create_tmp(), "l0learn").absolute()
    if sys.platform == "linux":  # without it L0Learn's rows say why they are empty
        script = ("sh", f"{PEERS}/l0learn_environment.sh", str(l0learn))
        session.run(*script, external=True, success_codes=range(256))
    env = {"L0LEARN_PYTHON": str(l0learn / "python")} if (l0learn / "python").exists() else {}
    out = f"{RESULTS}/solver-peers"
    session.run("python", f"{PEERS}/run.py", "--out", f"{out}.json", *arguments, env=env)
    session.run("python", f"{PEERS}/report.py", f"{out}.json", "--out", f"{out}.md")
    if not arguments:
        session.run("python", f"{PEERS}/phase.py", "--out", f"{RESULTS}/solver-phase.json", env=env)


def peers_of_the_layerwise_methods(session: nox.Session, arguments: list[str]) -> None:
    """Prune the same models by tamis and by llmcompressor, which needs older packages than we pin."""
    session.install("-c", "constraints.txt", *group("build"))
    session.install("-r", "benchmarks/peers/llm/requirements.txt")
    session.install("--no-build-isolation", f"./{CORE}", f"./{TORCH}")
    session.run("python", "benchmarks/peers/llm/run.py", "--out", f"{RESULTS}/llm-peers.json", *arguments)


def peers_in_torch(session: nox.Session, arguments: list[str]) -> None:
    """Compare single parts with torch's own."""
    install(session)
    session.run("python", "benchmarks/peers/torch/run.py", f"{RESULTS}/torch-peers.json", *arguments)
