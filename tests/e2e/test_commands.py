"""The commands as a script uses them: real processes, real files, real models."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuiprefs.project.project import open_project
from tuiprefs.runs.folder import list_runs
from tuiprefs.runs.supervisor import state
from tuiprefs.store.comparisons import list_comparisons
from tuiprefs.store.database import open_store
from tuiprefs.store.samples import list_samples

pytestmark = pytest.mark.e2e

SIMULATED = f"{sys.executable} -m tuiprefs.rating.simulated --seed 3"


def test_init_makes_a_project_with_corpus_and_first_samples(made_project: Path):
    store = open_store(made_project / "tuiprefs.db")
    samples = list_samples(store)
    store.close()
    assert len(samples) >= 30
    assert {sample.source for sample in samples} == {"model"}
    assert all(sample.text.startswith("X:1\nL:1/8\nM:") for sample in samples)
    tunes = (made_project / "corpus" / "train.txt").read_text().split("<|endoftext|>\n")
    assert len(tunes) > 3000
    assert all(tune.startswith("X:1\n") for tune in tunes)


def test_the_same_seed_writes_the_same_samples(tuiprefs, starter_project, tmp_path):
    files = []
    for name in ("a.txt", "b.txt"):
        out = tmp_path / name
        done = tuiprefs("-C", starter_project, "sample", "--count", 5, "--seed", 11, "--out", out, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["samples"] == 5
        files.append(out.read_text())
    assert files[0] == files[1]
    assert files[0].count("\n<|endoftext|>\n") == 4


def test_samples_are_listed_with_verdicts(tuiprefs, starter_project):
    assert tuiprefs("-C", starter_project, "sample", "--count", 4, "--seed", 5).returncode == 0
    done = tuiprefs("-C", starter_project, "samples", "--json")
    rows = json.loads(done.stdout)
    assert {"id", "text", "source", "model", "verdict", "rule"} <= set(rows[0])
    assert {row["verdict"] for row in rows} <= {"ok", "broken"}
    assert all(row["rule"] for row in rows if row["verdict"] == "broken")
    ok = json.loads(tuiprefs("-C", starter_project, "samples", "--json", "--verdict", "ok").stdout)
    assert [row["id"] for row in ok] == [row["id"] for row in rows if row["verdict"] == "ok"]


def test_a_program_rates_and_its_ratings_are_kept(tuiprefs, starter_project):
    done = tuiprefs("-C", starter_project, "rate", "--command", SIMULATED, "--count", 8, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["left"] + report["right"] + report["ties"] + report["skipped"] == 8
    store = open_store(starter_project / "tuiprefs.db")
    kept = list_comparisons(store, origins=["simulated"])
    store.close()
    assert len(kept) == 8
    assert all(record.seconds is not None for record in kept)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ('import sys; input(); print(\'{"choice": "left"}\', flush=True); input(); sys.exit(3)', "ended"),
        (
            "input(); print('{\"choice\": \"left\"}', flush=True); input(); print('what?', flush=True)",
            "what?",
        ),
        ('import time; input(); print(\'{"choice": "left"}\', flush=True); time.sleep(60)', "answer"),
    ],
)
def test_a_rater_that_fails_leaves_what_it_rated(tuiprefs, starter_project, tmp_path, program, sentence):
    script = tmp_path / "rater.py"
    script.write_text(program)
    done = tuiprefs(
        "-C",
        starter_project,
        "rate",
        "--command",
        f"{sys.executable} {script}",
        "--count",
        5,
        env={**os.environ, "TUIPREFS_RATING__ANSWER_SECONDS": "3"},
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    store = open_store(starter_project / "tuiprefs.db")
    assert [record.best is not None for record in list_comparisons(store, origins=["simulated"])] == [True]
    store.close()


def test_export_and_import_round_trip_exactly(tuiprefs, starter_project, tmp_path):
    assert tuiprefs("-C", starter_project, "rate", "--command", SIMULATED, "--count", 6).returncode == 0
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    done = tuiprefs("-C", starter_project, "export", "comparisons", first, "--format", "openai")
    assert done.returncode == 0, done.stderr
    records = json.loads(first.read_text())
    assert len(records) >= 6
    assert {"query", "sample0", "sample1", "best"} <= set(records[0])
    assert len({len(record["sample0"]) for record in records}) == 1
    other = tmp_path / "other"
    assert tuiprefs("init", other, "--preset", "text").returncode == 0
    for command in (("import", first), ("export", second)):
        done = tuiprefs("-C", other, command[0], "comparisons", command[1], "--model", "starter")
        assert done.returncode == 0, done.stderr
    assert second.read_bytes() == first.read_bytes()


def test_an_interrupted_command_stops_its_run_and_exits_with_130(starter_project):
    line = [sys.executable, "-c", "from tuiprefs.cli import main; main()", "-C", starter_project]
    line += ["sample", "--count", "100000"]
    command = subprocess.Popen(list(map(str, line)), stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not (runs := list_runs(open_project(starter_project))[1:]) or state(runs[0]).status != "running":
        assert time.monotonic() < end
        time.sleep(0.2)
    command.send_signal(signal.SIGINT)
    _, narration = command.communicate(timeout=90)
    assert command.returncode == 130
    assert "Stopped" in narration
    assert "Traceback" not in narration
    assert state(runs[0]).status == "stopped"


def test_any_other_causal_language_model_can_be_named(tuiprefs, starter_project, tmp_path):
    """A random GPT-2 of two layers with a byte-level tokenizer of GPT-2's own kind."""
    program = """
import sys, torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
)
tokenizer.train_from_iterator(["X:1\\nL:1/8\\nM:4/4\\nK:D\\nABcd|"] * 20, trainer)
end = "<|endoftext|>"
PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, bos_token=end, eos_token=end, unk_token=end
).save_pretrained(sys.argv[1])
torch.manual_seed(0)
size = tokenizer.get_vocab_size()
config = GPT2Config(vocab_size=size, n_positions=128, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
GPT2LMHeadModel(config).save_pretrained(sys.argv[1])
"""
    folder = tmp_path / "gpt2"
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, capture_output=True)
    settings = starter_project / "tuiprefs.toml"
    settings.write_text(f'[project]\nmodel = "{folder}"\n[sampling]\nmax_new_tokens = 40\n')
    done = tuiprefs("-C", starter_project, "sample", "--count", 6, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["samples"], result["model"]) == (6, str(folder))
    rows = json.loads(tuiprefs("-C", starter_project, "samples", "--model", folder, "--json").stdout)
    assert all(row["text"].startswith("X:1\nL:1/8\n") for row in rows)


BAD_INPUT = [
    (["samples"], "no tuiprefs project"),
    (["-C", "{empty}", "samples"], "is no tuiprefs project"),
    (["-C", "{project}", "samples", "--verdict", "great"], "use ok, broken or unchecked"),
    (["-C", "{project}", "sample", "--model", "no-such-model", "--count", "1"], "no-such-model"),
    (["-C", "{project}", "train", "policy"], "reward"),
    (["-C", "{project}", "train", "reward"], "comparison"),
    (["-C", "{project}", "train", "policy", "--set", "learning_rat=1"], "learning_rate"),
    (["-C", "{project}", "train", "policy", "--set", "gamma"], "KEY=VALUE"),
    (["-C", "{project}", "runs", "show", "nonsense"], "nonsense"),
    (["-C", "{project}", "rate", "--command", "/no/such/program"], "cannot be started"),
    (["-C", "{project}", "import", "comparisons", "{garbage}"], "garbage.json"),
    (["-C", "{project}", "rate"], "terminal"),
    (["-C", "{project}"], "terminal"),
    (["init", "{project}"], "already"),
    (["frobnicate"], "frobnicate"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD_INPUT, ids=[" ".join(a) for a, _ in BAD_INPUT])
def test_bad_input_is_one_sentence_and_exit_code_2(tuiprefs, made_project, tmp_path, arguments, sentence):
    empty, garbage = tmp_path / "empty", tmp_path / "garbage.json"
    empty.mkdir()
    garbage.write_bytes(b"\x00\xff{]")
    names = {"empty": empty, "project": made_project, "garbage": garbage}
    done = tuiprefs(*(argument.format(**names) for argument in arguments), cwd=empty)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
