"""A language model small enough that whole training runs take a second."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

CHARACTERS = string.ascii_letters + string.digits + " \n|:/.,'-^=_[]()<>\"!"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """One token for each character; padding 0, both ends 1."""
    vocabulary = {"<pad>": 0, "<|endoftext|>": 1, "<unk>": 2}
    vocabulary |= {character: 3 + index for index, character in enumerate(CHARACTERS)}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    core.decoder = decoders.Fuse()
    core.add_special_tokens(["<pad>", "<|endoftext|>", "<unk>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        pad_token="<pad>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


@pytest.fixture(scope="session")
def new_lm(tokenizer: Any) -> Callable[[int], Any]:
    """A maker of 2-layer GPT-2s whose weights follow from a seed; with dropout, to see that it stays off."""

    def make(seed: int = 0) -> Any:
        config = GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=64,
            n_embd=16,
            n_layer=2,
            n_head=2,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = GPT2LMHeadModel(config)
            # Ten times the usual deviation: the model then has opinions, and differences show.
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.data.normal_(std=0.2)
        return model.eval()

    return make


@pytest.fixture(scope="session")
def lm_dir(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any, new_lm: Callable[[int], Any]) -> Path:
    """The model of seed 0 with its tokenizer, as a Hugging Face folder."""
    path = tmp_path_factory.mktemp("lm")
    new_lm(0).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def reward_dir(tmp_path_factory: pytest.TempPathFactory, lm_dir: Path) -> Path:
    """An untrained reward model on the body of that model: its taste is as good as any."""
    from tuiprefs.learning.reward_model import new_reward_model, save_reward_model

    path = tmp_path_factory.mktemp("reward") / "model"
    with torch.random.fork_rng():
        torch.manual_seed(5)
        scorer = new_reward_model(str(lm_dir), "mean", 0.0, 64)
    save_reward_model(scorer, path, {})
    return path


@pytest.fixture
def project(tmp_path: Path) -> Any:
    """A project of its own for each test, in which models are named by their folders."""
    from tuiprefs.project.project import create_project

    return create_project(tmp_path / "project")
