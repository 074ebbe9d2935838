from pathlib import Path

import pytest
from transformers import AutoTokenizer

from tuiprefs.domains import abc_corpus
from tuiprefs.learning.tokenizer import SPECIAL_TOKENS, build_text_tokenizer, build_tokenizer, tokenizer_for
from tuiprefs.project.assets import asset

TUNE = "X:1\nL:1/8\nM:6/8\nK:Gm\n|:^G3/2A,>b'|(3abc[G2B2]-B2::=f/z4|1d:|2e|]\n"
WORDS = [
    "X:1\n", "L:1/8\n", "M:6/8\n", "K:Gm\n", "|:", "^G3/2", "A,", ">", "b'", "|", "(3", "a", "b", "c",
    "[", "G2", "B2", "]", "-", "B2", "::", "=f/", "z4", "|1", "d", ":|2", "e", "|]", "\n",
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer([TUNE] * 4)


def test_special_ids(tokenizer) -> None:
    assert tokenizer.convert_ids_to_tokens([0, 1, 2]) == list(SPECIAL_TOKENS)
    assert tokenizer.pad_token_id == 0
    assert tokenizer.eos_token_id == tokenizer.bos_token_id == 1


def test_one_token_for_each_word(tokenizer) -> None:
    assert tokenizer.tokenize(TUNE) == WORDS


def test_both_ends_are_added_to_a_whole_text(tokenizer) -> None:
    ids = tokenizer(TUNE)["input_ids"]
    assert ids[0] == ids[-1] == 1
    assert len(ids) == len(WORDS) + 2


def test_rare_words_are_spelt(tokenizer) -> None:
    assert tokenizer.tokenize("^^c'7/4") == ["^", "^", "c", "'", "7", "/", "4"]
    assert tokenizer.tokenize("K:Zz\n") == ["K", ":", "Z", "z", "\n"]


@pytest.mark.parametrize("text", [TUNE, " two  spaces , and 's !\n\n", '~!@#$%^&*()_+{}|:"<>?'])
def test_decoding_gives_the_text_back(tokenizer, text: str) -> None:
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_unknown_characters_show(tokenizer) -> None:
    assert tokenizer("Aé", add_special_tokens=False)["input_ids"][1] == 2


def test_whole_corpus_through_a_saved_file(tmp_path: Path) -> None:
    corpus = abc_corpus.build_corpus()
    build_tokenizer(corpus.train).save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    texts = corpus.train + corpus.heldout
    encoded = loaded(texts)["input_ids"]
    assert [loaded.decode(ids, skip_special_tokens=True) for ids in encoded] == texts
    assert max(len(ids) for ids in encoded) <= 256
    assert all(2 not in ids for ids in encoded)


def test_shipped_tokenizer_is_that_of_the_corpus() -> None:
    shipped = AutoTokenizer.from_pretrained(asset("starter"))
    assert shipped.get_vocab() == build_tokenizer(abc_corpus.build_corpus().train).get_vocab()


def test_text_tokenizer_spells_anything() -> None:
    text = "Shall I compare thee to a summer's day? — naïve, 日本\n"
    made = build_text_tokenizer([text] * 3, size=300)
    ids = made(text, add_special_tokens=False)["input_ids"]
    assert made.decode(ids) == text
    assert made.pad_token_id != made.eos_token_id
    assert tokenizer_for("text", [text]).tokenize("thee") != []
    assert tokenizer_for("abc", [TUNE] * 4).tokenize("K:Gm\n") == ["K:Gm\n"]
