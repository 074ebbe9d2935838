"""The note-level tokenizer: a Hugging Face tokenizer file whose tokens are the words of cleaned ABC."""

from collections import Counter
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tuiprefs.domains import abc_lexer

PAD = "<|pad|>"
END_OF_TEXT = "<|endoftext|>"
UNKNOWN = "<|unknown|>"
SPECIAL_TOKENS = (PAD, END_OF_TEXT, UNKNOWN)
"""Ids 0, 1 and 2. The end of a text is never its padding: a model must learn to end."""

CHARACTERS = ["\n", *map(chr, range(0x20, 0x7F))]
"""Every character that a word may be spelt in when it is too rare for a token of its own."""


def build_tokenizer(texts: Iterable[str], minimum_count: int = 4) -> PreTrainedTokenizerFast:
    """Build a tokenizer with one token for each word that is frequent enough in the texts.

    Args:
        texts: cleaned tunes.
        minimum_count: occurrences that a word needs for a token of its own; a rarer one is spelt in
            characters.
    """
    counts = Counter(word for text in texts for word in abc_lexer.words(text))
    frequent = sorted((-count, word) for word, count in counts.items() if count >= minimum_count)
    tokens = dict.fromkeys([*SPECIAL_TOKENS, *CHARACTERS, *(word for _, word in frequent)])
    vocabulary = {token: index for index, token in enumerate(tokens)}
    # Without merges, a word is looked up whole (ignore_merges) or else falls apart into characters.
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(abc_lexer.WORD), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    # Added by `add_special_tokens=True` only: the two ends of a whole text.
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{END_OF_TEXT} $A {END_OF_TEXT}", special_tokens=[(END_OF_TEXT, vocabulary[END_OF_TEXT])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=PAD,
        unk_token=UNKNOWN,
        clean_up_tokenization_spaces=False,
        model_max_length=256,
    )


def build_text_tokenizer(texts: Iterable[str], size: int = 4096) -> PreTrainedTokenizerFast:
    """Build a byte-level BPE tokenizer of GPT-2's kind, which can spell any text.

    Args:
        texts: texts to learn the merges from.
        size: largest number of tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )


def tokenizer_for(domain: str, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Build the tokenizer that suits a domain: notes for `abc`, byte pairs for others."""
    return build_tokenizer(texts) if domain == "abc" else build_text_tokenizer(texts)
