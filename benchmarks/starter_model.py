"""How good the starter model is: what its samples compile to, how their bars add up, and what they copy.

    python benchmarks/starter_model.py [--quick] [--count N] [--model DIR] [--json]

Samples are drawn at the project's default settings and judged as they are, unfinished ones included.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import torch

from tuiprefs import domains
from tuiprefs.domains.abc_bars import CopyIndex, bar_report, copied_bars
from tuiprefs.domains.abc_corpus import Corpus, build_corpus
from tuiprefs.learning.language_model import heldout_metrics
from tuiprefs.learning.sampling import load_model, sample
from tuiprefs.project.assets import asset
from tuiprefs.project.settings import SamplingSettings

COPIED_BARS = 8


def find_abc2midi() -> str:
    """The native program, else the one inside the symusic wheel."""
    native = shutil.which("abc2midi")
    if native:
        return native
    spec = find_spec("symusic")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "bin" / "abc2midi")


def compiles(source: str, program: str) -> bool:
    """Whether abc2midi writes a MIDI file and prints no line that begins with Error."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tune.abc").write_text(source, encoding="utf-8")
        command = [program, "tune.abc", "-o", "tune.mid"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=False)
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        return not errors and Path(folder, "tune.mid").is_file()


def judge(texts: list[str], index: CopyIndex) -> dict[str, float]:
    """Shares of texts that compile, of inner bars that are exact, and of texts that copy a training tune."""
    program, domain = find_abc2midi(), domains.get("abc")
    with ThreadPoolExecutor(2) as pool:
        compiled = list(pool.map(lambda text: compiles(domain.source(text), program), texts))
    reports = [bar_report(text) for text in texts]
    runs = [copied_bars(text, index) for text in texts]
    return {
        "compile": sum(compiled) / len(texts),
        "exact_bars": sum(r.exact_bars for r in reports) / max(1, sum(r.inner_bars for r in reports)),
        "copied": sum(run >= COPIED_BARS for run in runs) / len(texts),
        "mean_longest_copied_run": sum(runs) / len(texts),
        "bars": sum(len(r.bar_lengths) for r in reports) / len(texts),
        "distinct": len(set(texts)) / len(texts),
    }


def measure(
    model_path: Path, corpus: Corpus, settings: SamplingSettings, count: int, seed: int
) -> dict[str, float]:
    """Draw samples from the model and judge them."""
    model, tokenizer = load_model(model_path)
    started = time.process_time()
    query = domains.get("abc").default_query
    samples = sample(model, tokenizer, query, count, settings, seed=seed)
    seconds = time.process_time() - started
    result = {
        "samples": float(count),
        "finished": sum(s.finished for s in samples) / count,
        "tokens_per_cpu_second": sum(len(s.tokens) for s in samples) / seconds,
    }
    result |= judge([s.text for s in samples], CopyIndex(corpus.train))
    result |= heldout_metrics(model, tokenizer, corpus.heldout, model.config.max_position_embeddings)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 samples")
    parser.add_argument("--count", type=int, help="number of samples (1000)")
    parser.add_argument("--model", type=Path, help="model folder (the starter model)")
    parser.add_argument("--temperature", type=float, help="in place of the default")
    parser.add_argument("--top-p", type=float, help="in place of the default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--heldout", action="store_true", help="judge the held-out tunes in place of samples")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    corpus = build_corpus()
    given = {"temperature": arguments.temperature, "top_p": arguments.top_p}
    settings = SamplingSettings(**{name: value for name, value in given.items() if value is not None})
    if arguments.heldout:
        result = judge(corpus.heldout, CopyIndex(corpus.train))
    else:
        count = arguments.count or (100 if arguments.quick else 1000)
        result = measure(arguments.model or asset("starter"), corpus, settings, count, arguments.seed)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:>32} {value:10.4f}", file=sys.stdout)


if __name__ == "__main__":
    main()
