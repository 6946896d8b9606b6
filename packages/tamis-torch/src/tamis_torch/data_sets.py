"""The text of a data set: of the Hugging Face hub, or in a folder that holds one's files.

    org/name                       the only split of the only configuration
    org/name:config                the only split of a configuration
    org/name:config:split          Salesforce/wikitext:wikitext-2-raw-v1:train
    org/name:config:split[:N]      its first N texts
    org/name::split                where there is one configuration only

A folder is named the same way, with its path in the place of ``org/name``, and wins.  Texts are
those of the column ``"text"``, in the order of the files, joined by blank lines, empty ones
included: the string that the pruning literature makes of WikiText-2.  They are streamed, so that
nothing is read beyond what is used, and nothing that comes with a data set is run.
"""

import re
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tamis_torch.errors import InputError, in_one_line
from tamis_torch.extras import borrow
from tamis_torch.sources import is_hub_name, online

SEPARATOR = "\n\n"  # between texts, as the literature joins WikiText's
LIMIT = 200_000_000  # characters of a data set at most, about 50 million tokens; a file has no limit
COLUMN = "text"
NAME = re.compile(r"(?P<where>.+?)(:(?P<config>[^:/\\\[\]]*)(:(?P<split>[\w.]+)(\[:(?P<texts>\d+)\])?)?)?")
FILES = (".parquet", ".arrow", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".json.zst")  # a data set's
PLAIN = (".txt", ".text", ".raw", ".md", ".csv", ".json")  # ends of a misspelt path, hardly of a hub name


class DataSet(NamedTuple):
    """Which texts of which data set."""

    label: str  # how messages name it
    where: str  # a folder or a hub name
    config: str | None
    split: str | None
    texts: int | None  # the first so many, None for all


def find_data_set(source: str) -> DataSet | None:
    """Return what ``source`` names, None where it is neither a folder nor looks like a hub name.

    Raises
    ------
    InputError
        If it is a folder without a data set, or a hub name and there is no network.
    """
    named = NAME.fullmatch(source)
    if named is None:
        return None
    where, config, split, texts = named["where"], named["config"] or None, named["split"], named["texts"]
    folder, count = Path(where).expanduser(), int(texts) if texts else None
    if folder.is_dir():
        _check_folder(folder)
        return DataSet(f"data set folder {folder}", str(folder), config, split, count)
    if is_hub_name(where) and not where.endswith(FILES + PLAIN):
        label = f"hub data set {where} (no file or folder here has that name)"
        if not online():
            raise InputError(f"{label} cannot be read: there is no network")
        return DataSet(label, where, config, split, count)
    return None


def read_data_set(source: DataSet) -> str:
    """Return the texts of a data set, joined by blank lines.

    At most 200 million characters are read, with a warning where the data set has more.

    Raises
    ------
    InputError
        If the library ``datasets`` is missing (the extra ``tamis-torch[hub]``), the data set
        cannot be read, has several splits and none is named, or has no column of strings ``"text"``.
    """
    load = borrow("datasets", "load_dataset", "hub", source.label)
    try:
        splits = load(source.where, source.config, streaming=True)
        return SEPARATOR.join(_texts(source, splits[_split(source, list(splits))]))
    except InputError:
        raise
    except Exception as error:  # network, parquet, json, a configuration that is not there
        raise InputError(f"{source.label} cannot be read: {in_one_line(error, 400)}") from error


def _texts(source: DataSet, rows: Any) -> Iterator[str]:
    read = 0
    for row in islice(rows, source.texts):
        if read >= LIMIT:
            warnings.warn(
                f"{source.label}: only its first {read:,} characters are read; "
                "name fewer texts as split[:N], or put more of it into a file",
                stacklevel=2,
            )
            return
        text = row.get(COLUMN)
        if not isinstance(text, str):
            raise InputError(
                f'{source.label} has no strings in a column "{COLUMN}": its columns are {_names(row)}'
            )
        read += len(text) + len(SEPARATOR)
        yield text


def _split(source: DataSet, splits: list[str]) -> str:
    """Return the split that is named, or the only one."""
    if source.split is None and len(splits) == 1:
        return splits[0]
    if source.split in splits:
        return source.split
    asked = "" if source.split is None else f", not {source.split}"
    example = f"{source.where}:{source.config or ''}:{splits[0]}"
    raise InputError(f"{source.label} has the splits {', '.join(splits)}{asked}; name one: {example}")


def _names(row: dict[str, object]) -> str:
    return ", ".join(f"{name} ({type(value).__name__})" for name, value in row.items()) or "none"


def _check_folder(folder: Path) -> None:
    if not any(file.name.endswith(FILES) for file in folder.rglob("*")):
        raise InputError(
            f"text {folder} is a folder; give a text file (cat {folder}/*.txt > all.txt makes one), a .jsonl "
            f"file, or a folder with the files of a data set ({', '.join(FILES)})"
        )
