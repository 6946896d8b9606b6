"""Data sets as text: how they are named, what is read of them, and what is said when they cannot be."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tamis_torch import data_sets
from tamis_torch.data_sets import find_data_set
from tamis_torch.errors import InputError
from tamis_torch.text import read_text

WIKI = ["", " = Title = \n", "", " One . \n"]


@pytest.fixture
def hub(monkeypatch, tmp_path: Path) -> dict[str, Any]:
    """A stand-in for the library ``datasets``: what it holds, by name and configuration, and what it was asked."""
    held: dict[str, Any] = {
        ("Org/wiki", "raw"): {"train": WIKI, "test": ["t"]},
        ("Org/one", None): {"train": ["a", "b", "c"]},
    }
    asked: list[Any] = []

    def load_dataset(*arguments: Any, **options: Any) -> dict[str, Iterator[dict[str, Any]]]:
        asked.append((arguments, options))
        if arguments not in held:
            raise ValueError("Config name is missing.\nPlease pick one among: ['raw']")
        splits = held[arguments]
        return {
            split: ({"text": text} if isinstance(text, str) else text for text in texts)
            for split, texts in splits.items()
        }

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    monkeypatch.setattr(data_sets, "online", lambda: True)
    monkeypatch.chdir(tmp_path)
    return {"held": held, "asked": asked}


@pytest.fixture
def refused(hub) -> Callable[[str], str]:
    def message(source: str) -> str:
        with pytest.raises(InputError) as caught:
            read_text(source)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return message


def test_the_texts_are_joined_as_the_literature_joins_wikitext(hub) -> None:
    assert read_text("Org/wiki:raw:train") == "\n\n".join(WIKI) == "\n\n = Title = \n\n\n\n\n One . \n"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Org/wiki:raw:test", "t"),
        ("Org/one", "a\n\nb\n\nc"),
        ("Org/one:", "a\n\nb\n\nc"),
        ("Org/one::train", "a\n\nb\n\nc"),
        ("Org/one::train[:2]", "a\n\nb"),
        ("Org/one::train[:9]", "a\n\nb\n\nc"),
    ],
)
def test_a_name_says_configuration_split_and_how_many_texts(hub, source: str, text: str) -> None:
    assert read_text(source) == text


def test_data_sets_are_streamed_and_asked_nothing_else(hub) -> None:
    """In particular not to trust code that comes with them."""
    read_text("Org/wiki:raw:test")
    assert hub["asked"] == [(("Org/wiki", "raw"), {"streaming": True})]


def test_no_text_is_read_beyond_those_that_are_used(hub) -> None:
    def texts() -> Iterator[str]:
        yield from ("a", "b")
        pytest.fail("read on")

    hub["held"]["Org/one", None]["train"] = texts()
    assert read_text("Org/one::train[:2]") == "a\n\nb"


def test_a_huge_data_set_is_read_up_to_the_limit_with_a_warning(hub, monkeypatch) -> None:
    monkeypatch.setattr(data_sets, "LIMIT", 100)
    hub["held"]["Org/one", None]["train"] = ("x" * 28 for _ in iter(int, 1))  # without an end
    with pytest.warns(
        UserWarning, match=r"Org/one .*: only its first 120 characters are read; name fewer"
    ) as caught:
        assert read_text("Org/one") == "\n\n".join(["x" * 28] * 4)
    assert len(caught) == 1


@pytest.mark.filterwarnings("error")
def test_a_data_set_that_ends_at_the_limit_is_not_warned_of(hub, monkeypatch) -> None:
    monkeypatch.setattr(data_sets, "LIMIT", 9)
    assert read_text("Org/one") == "a\n\nb\n\nc"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Org/wiki:raw", "has the splits train, test; name one: Org/wiki:raw:train"),
        ("Org/wiki:raw:valid", "has the splits train, test, not valid; name one: Org/wiki:raw:train"),
        ("Org/wiki", "cannot be read: Config name is missing. Please pick one among: ['raw']"),
        ("Org/bare", 'has no strings in a column "text": its columns are content (str), n (int)'),
        ("Org/null", 'has no strings in a column "text": its columns are text (NoneType)'),
        ("Org/empty", "text Org/empty is empty"),
        ("Org/wiki:raw:train[2:]", "text file Org/wiki:raw:train[2:] does not exist; give a text file"),
        ("Org/wiki:raw:train:x", "text file Org/wiki:raw:train:x does not exist; give a text file"),
    ],
)
def test_what_cannot_be_read_is_one_line(hub, refused, source: str, message: str) -> None:
    hub["held"]["Org/bare", None] = {"train": [{"content": "x", "n": 1}]}
    hub["held"]["Org/null", None] = {"train": [{"text": None}]}
    hub["held"]["Org/empty", None] = {"train": ["", " "]}
    assert message in refused(source)


def test_without_network_it_is_said_at_once(hub, refused, monkeypatch) -> None:
    monkeypatch.setattr(data_sets, "online", lambda: False)
    assert refused("Org/one") == (
        "hub data set Org/one (no file or folder here has that name) cannot be read: there is no network"
    )
    assert hub["asked"] == []


def test_without_the_library_the_message_names_the_extra(hub, refused, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "needs the library datasets: pip install 'tamis-torch[hub]'" in refused("Org/one")


def test_a_folder_called_datasets_beside_the_user_is_not_the_library(hub, refused, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace())
    assert "needs the library datasets: pip install 'tamis-torch[hub]'" in refused("Org/one")


@pytest.mark.parametrize(
    "source",
    ["wiki.txt", "./Org/one", "data/wiki.test.raw", "../Org/one", "data/a.jsonl", "a/b/c", "/a/b:c:d"],
)
def test_what_looks_like_a_path_is_never_asked_of_the_hub(hub, refused, monkeypatch, source: str) -> None:
    monkeypatch.setattr(data_sets, "online", lambda: pytest.fail("asked for the network"))
    assert f"text file {source} does not exist; give a text file" in refused(source)


def test_a_misspelt_path_beside_others_is_not_a_hub_name(hub, refused, tmp_path: Path) -> None:
    (tmp_path / "Org").mkdir()
    assert "text file Org/one does not exist" in refused("Org/one")


@pytest.mark.parametrize("name", ["Org/one", "Org/wiki:raw:train"])
def test_a_file_of_that_name_wins_over_the_hub(hub, tmp_path: Path, name: str) -> None:
    (tmp_path / "Org").mkdir()
    (tmp_path / name).write_text("mine", "utf-8")
    assert read_text(name) == "mine" and hub["asked"] == []


def test_a_folder_of_that_name_wins_over_the_hub(hub, tmp_path: Path) -> None:
    folder = tmp_path / "Org" / "one"
    folder.mkdir(parents=True)
    (folder / "a.parquet").touch()
    hub["held"][str(Path("Org/one")), None] = {"train": ["mine"]}
    found = find_data_set("Org/one::train")
    assert found is not None and found.label.startswith("data set folder")
    assert read_text("Org/one::train") == "mine"


def test_a_home_folder_is_expanded(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a.txt").write_text("mine", "utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert read_text("~/a.txt") == "mine"


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """A folder with the files of a data set, as one downloads them."""
    pytest.importorskip("datasets", reason="the extra tamis-torch[hub] is not installed")
    arrow, writer = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "wiki"
    folder.mkdir()
    for split, texts in (("train", WIKI * 500), ("test", ["t", "u"])):
        table = arrow.table({"n": list(range(len(texts))), "text": texts})
        writer.write_table(table, folder / f"{split}-00000-of-00001.parquet", row_group_size=100)
    return folder


def test_a_folder_of_parquet_files_is_read_without_network(parquet: Path, monkeypatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked for the network"))
    assert read_text(f"{parquet}::test") == "t\n\nu"
    assert read_text(f"{parquet}::train") == "\n\n".join(WIKI * 500)
    assert read_text(f"{parquet}::train[:102]") == "\n\n".join((WIKI * 500)[:102])
    with pytest.raises(InputError, match="has the splits train, test; name one: .*wiki::train"):
        read_text(parquet)


def test_a_damaged_parquet_file_is_one_line(parquet: Path) -> None:
    file = parquet / "train-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match="data set folder .*wiki cannot be read: ") as caught:
        read_text(f"{parquet}::train")
    assert "\n" not in str(caught.value)


def test_a_folder_of_json_lines_reads_as_the_file_does(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="the extra tamis-torch[hub] is not installed")
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in WIKI), "utf-8")
    assert read_text(tmp_path) == read_text(file) == "\n\n".join(WIKI)
