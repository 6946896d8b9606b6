"""Text to tokens, piece by piece where that changes nothing.

A tokenizer holds about a hundred bytes a character while it works, so a text of a gigabyte cannot be
given to it whole.  It is cut between a word and the white space after it, at a place where

    ids(left + right) = ids(left) + ids(right)

for the text around it, so that the ids are those of the whole text.  Where no such place is found
(tokenizers that begin every text with a space), the text stays whole.
"""

import re
from collections.abc import Iterator

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tamis_torch.errors import InputError

PIECE = 4_000_000  # characters tokenised at once
AROUND = 200  # characters compared on either side of a seam: more than any token or pre-token looks at
TRIES = 50  # places looked at before a text is left whole
BORDER = re.compile(r"(?<=\w)(?=\s)")


def tokenize(tokenizer: PreTrainedTokenizerBase, text: str, vocabulary: int) -> Tensor:
    """Tokenise a text as a whole, without special tokens.

    Parameters
    ----------
    tokenizer
    text
    vocabulary
        Rows of the model's embedding: each id must be smaller.

    Returns
    -------
    Tensor
        int64, shape (tokens,).

    Raises
    ------
    InputError
        If the tokenizer gives an id that the model has no embedding for.
    """
    pieces = _pieces(tokenizer, text)
    tokens = torch.cat([torch.tensor(_ids(tokenizer, piece), dtype=torch.long) for piece in pieces])
    if len(tokens) and int(tokens.max()) >= vocabulary:
        raise InputError(
            f"the tokenizer does not match the model: it gives the id {int(tokens.max())}, "
            f"but the model's vocabulary has {vocabulary} entries (0 to {vocabulary - 1})"
        )
    return tokens


def _pieces(tokenizer: PreTrainedTokenizerBase, text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > PIECE and (seam := _seam(tokenizer, text, start + PIECE)) is not None:
        yield text[start:seam]
        start = seam
    yield text[start:]


def _seam(tokenizer: PreTrainedTokenizerBase, text: str, end: int) -> int | None:
    """Return the last place shortly before ``end`` where the text may be cut."""
    borders = [match.start() for match in BORDER.finditer(text, end - PIECE // 20, end)]
    return next((place for place in reversed(borders[-TRIES:]) if _is_seam(tokenizer, text, place)), None)


def _is_seam(tokenizer: PreTrainedTokenizerBase, text: str, place: int) -> bool:
    left, right = text[max(0, place - AROUND) : place], text[place : place + AROUND]
    return _ids(tokenizer, left + right) == _ids(tokenizer, left) + _ids(tokenizer, right)


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    if not tokenizer.is_fast:
        encoded = tokenizer(text, add_special_tokens=False, verbose=False, return_attention_mask=False)
        return list(encoded["input_ids"])
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()  # as a call of the tokenizer does
    backend.no_padding()
    encoding = backend.encode_batch_fast([text], add_special_tokens=False)[0]  # without places: half the time
    return list(encoding.ids)
