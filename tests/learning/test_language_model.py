import json
import math
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from tuiprefs import domains
from tuiprefs.learning.checkpoints import CheckpointFolder
from tuiprefs.learning.hub import load_model
from tuiprefs.learning.language_model import (
    heldout_metrics,
    make_optimizers,
    new_model,
    schedule,
    sequence_loss,
)
from tuiprefs.learning.language_model_data import bucket, encode, pad_batch, training_batches
from tuiprefs.learning.language_model_training import LanguageModelTrainer, train_language_model
from tuiprefs.learning.muon import Muon
from tuiprefs.learning.tokenizer import build_tokenizer
from tuiprefs.project.errors import UserError
from tuiprefs.project.learning_settings import LanguageModelSettings

HEAD = "X:1\nL:1/8\nM:2/4\nK:G\n"
TUNES = [f"{HEAD}{a}{b}{c}d|e{a}g{b}|{c}4|]\n" for a in "ABG" for b in "cde" for c in "fga"]
SMALL = {
    "width": 16, "layers": 2, "heads": 2, "context": 64, "updates": 8, "batch_tokens": 160,
    "warmup_updates": 2, "heldout_every": 3, "checkpoint_every": 3,
}  # fmt: skip


def make_trainer(**changes: object) -> LanguageModelTrainer:
    settings = LanguageModelSettings(**{**SMALL, **changes})
    return LanguageModelTrainer(
        settings, TUNES[3:], TUNES[:3], build_tokenizer(TUNES), seed=5, vary=domains.get("abc").vary
    )


def without_clock(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name != "lm/tokens_per_second"}


def test_loss_counts_real_tokens_only() -> None:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(TUNES)
    model = new_model(LanguageModelSettings(**SMALL), tokenizer, seed=1).eval()
    texts = [TUNES[0], TUNES[1][:30]]
    sequences = encode(tokenizer, texts, 64)
    ids, lengths = pad_batch(sequences, 0)
    with torch.no_grad():
        total, count = sequence_loss(model, ids, lengths)
        singly = 0.0
        for sequence in sequences:
            log_probs = model(torch.tensor([sequence])).logits[0].log_softmax(-1)
            singly -= sum(float(log_probs[i, token]) for i, token in enumerate(sequence[1:]))
    assert count == sum(len(sequence) - 1 for sequence in sequences)
    assert float(total) == pytest.approx(singly, rel=1e-5)
    metrics = heldout_metrics(model, tokenizer, texts, 64)
    assert metrics["lm/heldout_loss"] == pytest.approx(singly / count, rel=1e-5)
    characters = len(TUNES[0]) + 1 + 30 + 1
    assert metrics["lm/heldout_bits_per_character"] == pytest.approx(
        singly / characters / math.log(2), rel=1e-5
    )


def test_long_texts_are_cut_in_pieces() -> None:
    tokenizer = build_tokenizer(TUNES)
    whole = encode(tokenizer, [TUNES[0]], 64)[0]
    pieces = encode(tokenizer, [TUNES[0]], 7)
    assert whole[0] == whole[-1] == tokenizer.eos_token_id
    assert [token for piece in pieces for token in piece] in (whole, whole[:-1])
    assert max(len(piece) for piece in pieces) == 7


def test_batches_hold_every_text_once_and_stay_within_their_size() -> None:
    import random

    sequences = [[index] * (3 + index % 11) for index in range(100)]
    batches = bucket(sequences, 40, random.Random(0))
    assert sorted(sequence[0] for batch in batches for sequence in batch) == list(range(100))
    assert all(len(batch) * max(map(len, batch)) <= 40 for batch in batches)


def test_batches_go_on_from_anywhere() -> None:
    def batches(epoch: int, skip: int):
        return training_batches(
            TUNES, build_tokenizer(TUNES), context=64, batch_tokens=160, vary=domains.get("abc").vary, seed=3,
            epoch=epoch, skip=skip,
        )  # fmt: skip

    stream = batches(0, 0)
    all_of_them = [next(stream) for _ in range(12)]
    epoch, number, _ = all_of_them[9]
    assert next(batches(epoch, number)) == all_of_them[9]
    assert len({number for epoch, number, _ in all_of_them if epoch == 0}) < 12


def test_schedule_by_hand() -> None:
    settings = LanguageModelSettings(updates=12, warmup_updates=2, final_fraction=0.1)
    assert schedule(0, settings) == 0.5
    assert schedule(1, settings) == 1.0
    assert schedule(2, settings) == 1.0
    assert schedule(7, settings) == pytest.approx(0.1 + 0.9 * 0.5)
    assert schedule(12, settings) == pytest.approx(0.1)


def test_optimizers_share_the_parameters_out() -> None:
    tokenizer = build_tokenizer(TUNES)
    model = new_model(LanguageModelSettings(**SMALL), tokenizer, seed=0)
    muon, adamw = make_optimizers(model, LanguageModelSettings(**SMALL))
    assert isinstance(muon, Muon)
    shapes = [(group["parts"], tuple(p.shape)) for group in muon.param_groups for p in group["params"]]
    assert sorted(set(shapes)) == [(1, (16, 16)), (1, (16, 64)), (1, (64, 16)), (3, (16, 48))]
    held = sum(len(group["params"]) for optimizer in (muon, adamw) for group in optimizer.param_groups)
    assert held == len(list(model.parameters()))
    (single,) = make_optimizers(model, LanguageModelSettings(**SMALL, optimizer="adamw"), factor=0.5)
    assert single.param_groups[0]["lr"] == pytest.approx(0.002)


def test_training_learns_and_leaves_a_plain_model_folder(tmp_path: Path) -> None:
    seen: list[dict[str, float]] = []
    trainer = make_trainer(updates=60)
    folder = train_language_model(trainer, tmp_path, on_update=lambda update, metrics: seen.append(metrics))
    assert len(seen) == 60
    assert seen[-1]["lm/heldout_loss"] < 0.75 * seen[0]["lm/loss"]
    files = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json")
    assert {path.name for path in folder.iterdir()} == {*files, "tokenizer_config.json"}
    model, tokenizer = load_model(folder)
    assert heldout_metrics(model, tokenizer, TUNES[:3], 64)["lm/heldout_loss"] == pytest.approx(
        seen[-1]["lm/heldout_loss"], rel=1e-6
    )
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2


def test_resumed_training_is_the_same_to_the_bit(tmp_path: Path) -> None:
    straight: list[dict[str, float]] = []
    train_language_model(
        make_trainer(), tmp_path / "a", on_update=lambda u, m: straight.append(without_clock(m))
    )
    first: list[dict[str, float]] = []
    train_language_model(
        make_trainer(),
        tmp_path / "b",
        on_update=lambda u, m: first.append(without_clock(m)),
        should_stop=lambda: len(first) == 4,
    )
    assert len(first) == 4
    second: list[dict[str, float]] = []
    train_language_model(
        make_trainer(), tmp_path / "b", on_update=lambda u, m: second.append(without_clock(m)), resume=True
    )
    assert first + second == straight
    one, two = ((tmp_path / run / "model" / "model.safetensors").read_bytes() for run in "ab")
    assert one == two


def test_checkpoints_are_models_too(tmp_path: Path) -> None:
    trainer = make_trainer(updates=3)
    while not trainer.done:
        trainer.step()
    saved = trainer.save(CheckpointFolder(tmp_path, 1))
    assert json.loads((saved / "state.json").read_text())["progress"]["update"] == 3
    model, tokenizer = load_model(saved / "model")
    assert tokenizer.pad_token_id == 0
    assert torch.equal(model.transformer.wte.weight, trainer.model.transformer.wte.weight)


def test_going_on_from_a_model_is_gentle(tmp_path: Path) -> None:
    made = make_trainer()
    made.write_model(tmp_path)
    model, tokenizer = load_model(tmp_path)
    settings = LanguageModelSettings(**{**SMALL, "onward_factor": 0.1})
    trainer = LanguageModelTrainer(settings, TUNES[3:], TUNES[:3], tokenizer, model=model)
    rates = [trainer.step()["lm/learning_rate"] for _ in range(2)]
    assert rates[1] == pytest.approx(settings.adam_learning_rate * 0.1)


def test_seed_decides_the_first_weights() -> None:
    tokenizer = build_tokenizer(TUNES)
    settings = LanguageModelSettings(**SMALL)
    one, same, other = (
        new_model(settings, tokenizer, seed).transformer.h[0].mlp.c_fc.weight for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_empty_corpus_and_impossible_sizes() -> None:
    with pytest.raises(UserError, match="no text"):
        LanguageModelTrainer(LanguageModelSettings(**SMALL), [], [], build_tokenizer(TUNES))
    with pytest.raises(ValidationError, match="heads"):
        LanguageModelSettings(width=20, heads=3)
