"""What has to agree between the files of the repository, and nothing else would notice."""

import ast
import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = [ROOT / "packages" / name for name in ("tamis", "tamis-torch")]
README = (ROOT / "README.md").read_text("utf-8")
CUDA_BUILD = ("cuda-", "nvidia-", "triton")  # the libraries of torch's CUDA build, which torch pins itself


def project(package: Path) -> dict:
    return tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"]


def version() -> str:
    return project(PACKAGES[0])["version"]


def constraints() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_both_packages_have_one_version_in_metadata_and_module(package):
    module = package / "src" / package.name.replace("-", "_") / "__init__.py"
    assert project(package)["version"] == version()
    assert f'__version__ = "{version()}"' in module.read_text("utf-8").splitlines()


def test_tamis_torch_needs_exactly_its_own_version_of_tamis():
    assert f"tamis=={version()}" in project(PACKAGES[1])["dependencies"]


def test_changelog_has_the_version():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == version()


def test_every_package_carries_the_licence_of_the_repository():
    text = (ROOT / "LICENSE").read_bytes()
    assert b"Apache License" in text
    assert all((package / "LICENSE").read_bytes() == text for package in PACKAGES)


def test_constraints_are_exact_and_name_each_package_once():
    names = []
    for line in constraints():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line), line
        names.append(canonicalize_name(line.split("==")[0]))
    assert len(names) == len(set(names))


def test_constraints_pin_everything_that_an_install_brings_in():
    """Dependencies, groups and build tools, and what the installed ones among them need in turn."""
    pinned = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in constraints()}
    for requirement in needed(direct_requirements()):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{requirement} is not in constraints.txt"
        assert requirement.specifier.contains(pinned[name], prereleases=True), (
            f"{requirement}: {pinned[name]}"
        )


def direct_requirements() -> list[Requirement]:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    texts = [text for group in groups.values() for text in group if isinstance(text, str)]
    for package in PACKAGES:
        table = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))
        texts += table["project"]["dependencies"] + table["build-system"]["requires"]
    return [Requirement(text) for text in texts]


def needed(todo: list[Requirement]) -> list[Requirement]:
    """Return the requirements and, where they are installed here, theirs; our own packages left out."""
    found: dict[str, Requirement] = {}
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        own = name in {package.name for package in PACKAGES} or name.startswith(CUDA_BUILD)
        if str(requirement) not in found and not own:
            found[str(requirement)] = requirement
            todo += below(requirement)
    return list(found.values())


def below(requirement: Requirement) -> list[Requirement]:
    try:
        candidates = [Requirement(text) for text in requires(requirement.name) or []]
    except PackageNotFoundError:
        return []
    extras = requirement.extras | {""}
    return [c for c in candidates if not c.marker or any(c.marker.evaluate({"extra": e}) for e in extras)]


def sessions() -> set[str]:
    """Return the names of the sessions in noxfile.py."""
    names = set()
    for node in ast.parse((ROOT / "noxfile.py").read_text("utf-8")).body:
        for decorator in getattr(node, "decorator_list", []):
            if ast.unparse(decorator).startswith("nox.session"):
                keywords = {k.arg: k.value for k in getattr(decorator, "keywords", [])}
                names.add(ast.literal_eval(keywords["name"]) if "name" in keywords else node.name)
    return names


def test_readme_names_exactly_the_sessions_that_nox_has():
    lists = re.findall(r"nox -s ((?:[a-z][a-z0-9-]* ?)+)", README)
    named = {name for names in lists for name in names.split()}
    assert named == sessions()


@pytest.mark.parametrize("session", ["demo", "tests"])
def test_readme_has_each_of_the_two_commands_once_on_a_line_of_its_own(session):
    assert README.splitlines().count(f"python -m pip install nox && nox -s {session}") == 1


def test_readme_names_exactly_the_commands_that_tamis_has():
    import typer.main

    from tamis_torch.cli import app

    named = set(re.findall(r"^\| `tamis ([a-z-]+)", README, re.MULTILINE))
    assert named == set(typer.main.get_group(app).commands)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_the_installed_package_has_the_files_of_the_demo_model(name):
    installed = files("tamis_torch") / "demo" / "model" / name
    source = PACKAGES[1] / "src" / "tamis_torch" / "demo" / "model" / name
    assert installed.read_bytes() == source.read_bytes()
