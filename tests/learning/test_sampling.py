from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    PreTrainedTokenizerFast,
)

from tuiprefs.learning.decoding import CachedDecoder, GPT2Decoder, make_decoder
from tuiprefs.learning.device import limit_threads, pick_device
from tuiprefs.learning.hub import load_model
from tuiprefs.learning.sampling import (
    Sample,
    decode,
    encode_query,
    filter_logits,
    sample,
    sample_tokens,
)
from tuiprefs.project.errors import UserError
from tuiprefs.project.settings import SamplingSettings

TEXT = "The quick brown fox jumps over the lazy dog. Ünïcödé, too! " * 20


def tiny_gpt2(vocabulary: int = 300, seed: int = 0, **changes: object) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    config = GPT2Config(
        **{"vocab_size": vocabulary, "n_positions": 64, "n_embd": 24, "n_layer": 2, "n_head": 3, **changes}
    )
    model = GPT2LMHeadModel(config)
    # Larger weights than at initialisation, so that the distributions are far from uniform.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture(scope="module")
def gpt2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random 2-layer GPT-2 with a byte-level BPE of GPT-2's own kind: one special token, no padding."""
    folder = tmp_path_factory.mktemp("gpt2")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        unk_token="<|endoftext|>",
    )
    fast.save_pretrained(folder)
    tiny_gpt2(len(fast)).save_pretrained(folder)
    return folder


def settings(**changes: object) -> SamplingSettings:
    return SamplingSettings(**{"max_new_tokens": 20, "batch_size": 4, **changes})


@pytest.mark.parametrize("activation", ["gelu_new", "gelu_pytorch_tanh", "relu"])
def test_static_cache_gives_the_models_own_logits(activation: str) -> None:
    model = tiny_gpt2(activation_function=activation)
    ids = torch.randint(0, 300, (5, 12), generator=torch.Generator().manual_seed(1))
    decoder = make_decoder(model, 5, 12)
    assert isinstance(decoder, GPT2Decoder)
    with torch.no_grad():
        expected = model(ids).logits
        got = [decoder.feed(ids[:, :4])]
        got += [decoder.feed(ids[:, i : i + 1]) for i in range(4, 8)]
        rows = torch.tensor([0, 3, 4])
        decoder.keep(rows)
        rest = [decoder.feed(ids[rows, i : i + 1]) for i in range(8, 12)]
    torch.testing.assert_close(torch.stack(got, 1), expected[:, 3:8], atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(torch.stack(rest, 1), expected[rows, 8:12], atol=2e-5, rtol=1e-5)


def test_static_cache_takes_the_query_at_once_only() -> None:
    decoder = GPT2Decoder(tiny_gpt2(), 1, 8)
    decoder.feed(torch.tensor([[1, 2]]))
    with pytest.raises(ValueError, match="one by one"):
        decoder.feed(torch.tensor([[1, 2]]))


@pytest.mark.parametrize("change", [{"scale_attn_weights": False}, {"scale_attn_by_inverse_layer_idx": True}])
def test_unusual_gpt2_decodes_through_the_models_own_cache(change: dict[str, bool]) -> None:
    assert isinstance(make_decoder(tiny_gpt2(**change), 1, 8), CachedDecoder)


def test_other_architectures_match_their_own_forward_pass() -> None:
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=50, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48,
        max_position_embeddings=32,
    )  # fmt: skip
    model = GPTNeoXForCausalLM(config).eval()
    ids = torch.randint(0, 50, (4, 9), generator=torch.Generator().manual_seed(1))
    decoder = make_decoder(model, 4, 9)
    assert isinstance(decoder, CachedDecoder)
    with torch.no_grad():
        expected = model(ids).logits
        first = decoder.feed(ids[:, :5])
        decoder.keep(torch.tensor([1, 3]))
        second = decoder.feed(ids[[1, 3], 5:6])
    torch.testing.assert_close(first, expected[:, 4], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(second, expected[[1, 3], 5], atol=1e-5, rtol=1e-5)


def test_greedy_responses_are_those_of_single_steps_whatever_is_packed_together() -> None:
    model = tiny_gpt2()
    queries = torch.randint(3, 300, (6, 3), generator=torch.Generator().manual_seed(2))
    first_words = [greedy(model, row.tolist(), 15) for row in queries]
    # A token that some of the responses contain early and others never plays the end of text.
    end = first_words[0][4]
    written = sample_tokens(
        model, queries, 15, temperature=0, generator=torch.Generator(), eos_id=end, pad_id=299
    )
    for row, words in zip(written.tolist(), first_words, strict=True):
        stop = words.index(end) + 1 if end in words else 15
        assert row == words[:stop] + [299] * (15 - stop)


def greedy(model: GPT2LMHeadModel, ids: list[int], count: int) -> list[int]:
    query = len(ids)
    with torch.no_grad():
        for _ in range(count):
            logits = model(torch.tensor([ids])).logits[0, -1]
            logits[299] = -torch.inf
            ids = [*ids, int(logits.argmax())]
    return ids[query:]


def test_fixed_length_ignores_the_end_of_text() -> None:
    model = tiny_gpt2()
    query = torch.tensor([[5, 6]] * 3)
    end = greedy(model, [5, 6], 3)[1]
    written = sample_tokens(
        model,
        query,
        10,
        temperature=0,
        generator=torch.Generator(),
        eos_id=end,
        pad_id=299,
        stop_at_eos=False,
    )
    assert written.tolist() == [greedy(model, [5, 6], 10)] * 3
    assert end in written[0].tolist()


def test_draws_follow_the_distribution() -> None:
    model = tiny_gpt2(vocabulary=8)
    query = torch.tensor([[1, 2]] * 4000)
    with torch.no_grad():
        logits = model(query[:1]).logits[0, -1]
    logits[0] = -torch.inf
    generator = torch.Generator().manual_seed(3)
    drawn = sample_tokens(model, query, 1, temperature=2.0, generator=generator, eos_id=None, pad_id=0)
    shares = torch.bincount(drawn[:, 0], minlength=8) / 4000
    torch.testing.assert_close(shares, (logits / 2).softmax(-1), atol=0.03, rtol=0)
    assert shares[0] == 0


def test_filters_by_hand() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    torch.testing.assert_close(filter_logits(logits, 1.0), torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    torch.testing.assert_close(filter_logits(logits, 1.0, top_k=2), torch.tensor([[0.625, 0.375, 0, 0]]))
    torch.testing.assert_close(filter_logits(logits, 1.0, top_p=0.7), torch.tensor([[0.625, 0.375, 0, 0]]))
    torch.testing.assert_close(filter_logits(logits, 1.0, top_p=0.81), torch.tensor([[10, 6, 3, 0]]) / 19)
    torch.testing.assert_close(filter_logits(logits, 1.0, top_p=1e-9), torch.tensor([[1.0, 0, 0, 0]]))
    squares = torch.tensor([[0.25, 0.09, 0.0225, 0.0025]])
    torch.testing.assert_close(filter_logits(logits, 0.5), squares / squares.sum())


def test_gpt2_with_its_own_bpe(gpt2_folder: Path) -> None:
    model, tokenizer = load_model(gpt2_folder)
    assert tokenizer.pad_token_id not in (None, tokenizer.eos_token_id)
    before = model.config.vocab_size
    assert tokenizer.pad_token_id < before
    batches: list[list[Sample]] = []
    query = "The quick brown"
    samples = sample(model, tokenizer, query, 10, settings(), seed=1, on_batch=batches.append)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert [s for batch in batches for s in batch] == samples
    assert all(s.text.startswith(query) for s in samples)
    assert all(tokenizer.pad_token_id not in s.tokens for s in samples)
    assert all(decode(tokenizer, s.tokens) == s.text for s in samples)
    assert len({s.text for s in samples}) > 5


def test_added_padding_leaves_the_other_probabilities(gpt2_folder: Path) -> None:
    plain = GPT2LMHeadModel.from_pretrained(gpt2_folder).eval()
    padded, tokenizer = load_model(gpt2_folder)
    ids = torch.tensor([[5, 9, 40, 7]])
    with torch.no_grad():
        torch.testing.assert_close(padded(ids).logits[..., : plain.config.vocab_size], plain(ids).logits)
    assert padded.config.pad_token_id == tokenizer.pad_token_id == plain.config.vocab_size


def test_same_seed_same_samples(gpt2_folder: Path) -> None:
    model, tokenizer = load_model(gpt2_folder)
    one, same, other = (sample(model, tokenizer, "The", 6, settings(), seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_settings_change_the_samples(gpt2_folder: Path) -> None:
    model, tokenizer = load_model(gpt2_folder)
    cold = sample(model, tokenizer, "The", 4, settings(temperature=0.01), seed=1)
    assert len({s.text for s in cold}) == 1
    top_1 = sample(model, tokenizer, "The", 4, settings(top_k=1), seed=1)
    assert [s.text for s in top_1] == [s.text for s in cold]
    short = sample(model, tokenizer, "The", 4, settings(max_new_tokens=3), seed=1)
    query_length = len(encode_query(tokenizer, "The")) - 1
    assert all(len(s.tokens) <= query_length + 3 for s in short)


def test_length_stays_within_the_models_positions(gpt2_folder: Path) -> None:
    model, tokenizer = load_model(gpt2_folder)
    long = sample(model, tokenizer, "", 2, settings(max_new_tokens=500), seed=1)
    assert all(len(s.tokens) <= 63 for s in long)
    with pytest.raises(UserError, match="64 positions"):
        sample(model, tokenizer, "é" * 80, 1, settings())


def test_stopping_between_batches(gpt2_folder: Path) -> None:
    model, tokenizer = load_model(gpt2_folder)
    done: list[Sample] = []
    samples = sample(
        model, tokenizer, "", 12, settings(), on_batch=done.extend, should_stop=lambda: len(done) >= 4
    )
    assert samples == done
    assert len(samples) == 4


def test_training_mode_is_put_back_and_dropout_kept_out(gpt2_folder: Path) -> None:
    model, tokenizer = load_model(gpt2_folder)
    still = sample(model, tokenizer, "The", 4, settings(), seed=1)
    model.train()
    assert sample(model, tokenizer, "The", 4, settings(), seed=1) == still
    assert model.training


def test_models_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        load_model(tmp_path)
    with pytest.raises(UserError, match="no model folder"):
        load_model(tmp_path / "absent")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(tmp_path)


def test_empty_query_needs_a_beginning(gpt2_folder: Path) -> None:
    _, tokenizer = load_model(gpt2_folder)
    assert encode_query(tokenizer, "") == [tokenizer.bos_token_id]
    tokenizer.bos_token = None
    with pytest.raises(UserError, match="query"):
        encode_query(tokenizer, "")


def test_devices() -> None:
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") in ("cpu", "cuda")
    with pytest.raises(UserError, match="auto, cpu, cuda"):
        pick_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="No GPU"):
            pick_device("cuda")
    before = torch.get_num_threads()
    try:
        assert limit_threads(1) == torch.get_num_threads() == 1
        assert limit_threads(0) in (1, 2)
    finally:
        torch.set_num_threads(before)
