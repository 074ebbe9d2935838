"""Train the starter model anew and write it, with its card, to assets/starter.

    python tools/make_starter_model.py [--out DIR] [--work DIR] [--updates N] [--count N]

Takes about an hour of one core. Interrupted, it goes on from its last checkpoint when it is started again.
"""

import argparse
import datetime
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.starter_model import COPIED_BARS, judge, measure  # noqa: E402
from tuiprefs import domains  # noqa: E402
from tuiprefs.domains.abc_bars import CopyIndex  # noqa: E402
from tuiprefs.domains.abc_corpus import Corpus, build_corpus  # noqa: E402
from tuiprefs.learning.hub import load_model, save_model  # noqa: E402
from tuiprefs.learning.language_model_training import LanguageModelTrainer, train_language_model  # noqa: E402
from tuiprefs.learning.tokenizer import build_tokenizer  # noqa: E402
from tuiprefs.project.atomic import write_text  # noqa: E402
from tuiprefs.project.learning_settings import LanguageModelSettings  # noqa: E402
from tuiprefs.project.settings import SamplingSettings  # noqa: E402

SEED = 0

CARD = """---
license: mit
library_name: transformers
tags: [abc-notation, music, gpt2]
---
# The starter model of tuiprefs

A GPT-2 of {parameters:,} parameters ({layers} layers, {width} wide, {heads} heads, {context} positions) that
writes traditional dance tunes in ABC notation, each note one token ({vocabulary} tokens). It is the model a new
project begins with: good enough to be worth rating, small enough for a processor. It knows nothing else.

    tuiprefs sample --count 10

The text of a tune is `X:1`, `L:1/8`, `M:`, `K:` and the music on one line without spaces, between two
`<|endoftext|>` tokens. Sample it with temperature {temperature} and top_p {top_p}.

| measured on {date} | this model | held-out tunes |
|---|---|---|
| held-out loss, nats per token | {lm/heldout_loss:.4f} | |
| held-out bits per character | {lm/heldout_bits_per_character:.4f} | |
| compile with abc2midi without an error | {compile:.1%} | {real[compile]:.1%} |
| inner bars that fill the meter exactly | {exact_bars:.1%} | {real[exact_bars]:.1%} |
| repeat a training tune for {copied_bars} bars running, in any key | {copied:.1%} | {real[copied]:.1%} |
| end by themselves within {context} tokens | {finished:.1%} | |
| different from all other samples | {distinct:.1%} | |
| bars in a tune | {bars:.1f} | {real[bars]:.1f} |

{samples:.0f} samples at the default settings, seed {seed}, unfinished ones included, against {heldout} tunes that
it was not trained on. An inner bar is any but a tune's first and last; upbeats within a tune count as wrong, which
is why real tunes do not reach 100%.

Trained on {train} tunes that the music21 package ships (O'Neill's, Ryan's, Aird's and two small collections: see
`assets/README.md` in the repository for their origin), cleaned by the named steps of
`tuiprefs/domains/abc_cleaning.py`; left out: {rejected}. Half of what it read was moved to another key.
{updates} updates of {batch_tokens} tokens with Muon and AdamW, seed {seed}, one thread.

`just starter-model` makes it again; `python benchmarks/starter_model.py` measures it.
"""


def write_card(folder: Path, corpus: Corpus, settings: LanguageModelSettings, count: int) -> dict[str, Any]:
    """Measure the model in the folder and write its card."""
    sampling = SamplingSettings()
    model, tokenizer = load_model(folder)
    measured = measure(folder, corpus, sampling, count, SEED)
    facts = settings.model_dump() | measured | {
        "real": judge(corpus.heldout, CopyIndex(corpus.train)),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "vocabulary": len(tokenizer),
        "date": datetime.datetime.now(datetime.UTC).date(),
        "copied_bars": COPIED_BARS,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": SEED,
        "train": len(corpus.train),
        "heldout": len(corpus.heldout),
        "rejected": ", ".join(f"{number} {step}" for step, number in sorted(corpus.rejected.items())),
    }  # fmt: skip
    write_text(folder / "README.md", CARD.format(**facts))
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "assets" / "starter", help="where the model goes")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "starter", help="checkpoints")
    parser.add_argument("--updates", type=int, help="in place of the default")
    parser.add_argument("--count", type=int, default=1000, help="samples that the card is measured on")
    parser.add_argument("--card-only", action="store_true", help="measure the model that is there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    corpus = build_corpus()
    changed = {} if arguments.updates is None else {"updates": arguments.updates}
    settings = LanguageModelSettings(**changed)
    if not arguments.card_only:
        tokenizer = build_tokenizer(corpus.train)
        vary = domains.get("abc").vary
        trainer = LanguageModelTrainer(
            settings, corpus.train, corpus.heldout, tokenizer, seed=SEED, vary=vary
        )
        made = train_language_model(trainer, arguments.work, on_update=show, resume=True)
        publish(made, arguments.out)
    for name, value in write_card(arguments.out, corpus, settings, arguments.count).items():
        print(f"{name:>32} {value:10.4f}")


def publish(made: Path, out: Path) -> None:
    """Copy the model, with the default sampling settings as its own."""
    model, tokenizer = load_model(made)
    sampling = SamplingSettings()
    generation = model.generation_config
    generation.do_sample = True
    generation.temperature, generation.top_p = sampling.temperature, sampling.top_p
    generation.max_length = model.config.max_position_embeddings
    out.mkdir(parents=True, exist_ok=True)
    save_model(model, tokenizer, out)


def show(update: int, metrics: dict[str, float]) -> None:
    """Print a line now and then."""
    if update % 50 == 0 or "lm/heldout_loss" in metrics:
        figures = " ".join(f"{name.removeprefix('lm/')} {value:.4g}" for name, value in metrics.items())
        print(update, figures, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
