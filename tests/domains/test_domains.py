import random
import subprocess
import sys

import pytest

from tuiprefs import domains
from tuiprefs.domains import abc_corpus
from tuiprefs.domains.abc_corpus import CorpusFile, build_corpus, is_heldout, read_music21_corpus
from tuiprefs.domains.splitting import split_dump
from tuiprefs.project.errors import UserError

TUNE = "X:1\nL:1/8\nM:2/4\nK:G\nGABc|dedB|c2A2|G2B2|GABc|dedB|c2A2|BAGA|B2G2|G4|]\n"


def test_get() -> None:
    assert [domains.get(name).name for name in ("abc", "text")] == ["abc", "text"]
    assert domains.get("abc").has_sound
    assert not domains.get("text").has_sound
    assert domains.get("abc").minimum_characters == 42
    with pytest.raises(UserError, match="abc, text"):
        domains.get("midi")


def test_separators_of_dumps() -> None:
    dump = "first\nline<|endoftext|>\nsecond\n==========\nthird ⏎ line⏎\n======== SAMPLE 2 ========\nfourth\n"
    assert split_dump(dump) == ["first\nline", "second", "third\nline", "fourth"]
    assert split_dump("\n<|endoftext|>\n\n") == []
    assert split_dump("a == b\r\nc") == ["a == b\nc"]


def test_abc_splits_at_tunes() -> None:
    split = domains.get("abc").split
    assert split("% preface\n\nX:1\nK:G\nabc\n\nX:2\nK:D\ndef\n") == ["X:1\nK:G\nabc", "X:2\nK:D\ndef"]
    assert split("X:1\nK:G\nabc<|endoftext|>X:2\nK:D\ndef") == ["X:1\nK:G\nabc", "X:2\nK:D\ndef"]
    assert split("K:G\nabc|def|") == ["K:G\nabc|def|"]


@pytest.mark.parametrize(
    "text", ["", "hello world, this is no tune at all", "X:1\nT:only a title\n", "X:1\nK:G\nABc|\n"]
)
def test_not_abc(text: str) -> None:
    assert domains.get("abc").check(text) == "not-abc"


@pytest.mark.parametrize(
    "text",
    [TUNE, 'X:1\nK:D\n"Am"~A2.B!trill!c {gf}(3ABc | [GB]2 d2 :|\n', "X: 1\nT:No key\nGABc dedB|\n"],
)
def test_abc(text: str) -> None:
    assert domains.get("abc").check(text) is None


def test_source_of_a_whole_tune_is_the_tune() -> None:
    assert domains.get("abc").source(TUNE) == TUNE


def test_source_adds_what_is_missing() -> None:
    source = domains.get("abc").source
    assert source("M:6/8\nGAB|") == "X:1\nM:6/8\nK:C\nGAB|\n"
    assert source("X:3\nM:6/8\n") == "X:3\nM:6/8\nK:C\n"
    assert source("T:late number\nX:3\nK:G\nGAB|") == "X:3\nT:late number\nK:G\nGAB|\n"


def test_source_neutralises_directives_and_second_tunes() -> None:
    hostile = "X:1\n%%abc-include /etc/passwd\nI:abc-include x\nK:G\n\nGA[I:MIDI program 3]B\x00\x1b|%c\n"
    assert domains.get("abc").source(hostile + "X:2\nK:D\nd\n") == "X:1\nK:G\nGAB|\n"


def test_text_domain() -> None:
    text = domains.get("text")
    poem = "Shall I compare thee to a summer's day?  \n\n\n\nThou art more lovely\x00 and more temperate:\n"
    cleaned = "Shall I compare thee to a summer's day?\n\nThou art more lovely and more temperate:"
    assert text.clean(poem).text == cleaned
    assert text.clean("short").rejected_by == "too-short"
    assert text.check("  \n") == "empty"
    assert text.check(poem) is None
    assert text.source(poem) == poem
    assert text.vary(poem, random.Random(0)) == poem
    assert text.split("a<|endoftext|>b") == ["a", "b"]


def test_corpus_is_divided_by_each_tunes_own_text() -> None:
    tunes = [TUNE.replace("G2B2", f"{a}2{b}2") for a in "ABcdefg" for b in "ABcdefg"]
    files = [CorpusFile("made", "a.abc", "preface\n\n" + "\n".join(tunes))]
    corpus = build_corpus([*files, *files], heldout_share=0.3)
    assert sorted(corpus.train + corpus.heldout) == sorted(tunes)
    assert corpus.rejected == {"duplicates": len(tunes)}
    assert corpus.heldout == [tune for tune in tunes if is_heldout(tune, 0.3)]
    assert 0 < len(corpus.heldout) < len(tunes)


def test_rejections_are_counted_by_step() -> None:
    files = [CorpusFile("made", "a.abc", "X:1\nM:C\nK:Hp\nABc\n\nX:2\nM:none\nK:G\nABc\n")]
    assert build_corpus(files).rejected == {"key": 1, "meter": 1}


def test_starter_corpus() -> None:
    corpus = build_corpus()
    assert len(corpus.train) + len(corpus.heldout) + sum(corpus.rejected.values()) == 4433
    assert len(corpus.train) > 3700
    assert 0.03 < len(corpus.heldout) / (len(corpus.train) + len(corpus.heldout)) < 0.07
    assert not set(corpus.train) & set(corpus.heldout)
    assert {file.collection for file in read_music21_corpus()} == set(abc_corpus.COLLECTIONS)
    check = domains.get("abc").check
    assert [tune for tune in corpus.train if check(tune)] == []
    assert all(tune.startswith("X:1\nL:1/8\nM:") and tune.count("\n") == 5 for tune in corpus.train)


def test_missing_music21_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install music21"):
        read_music21_corpus()


def test_domains_import_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from tuiprefs.domains import abc_corpus\n"
        "abc_corpus.read_music21_corpus()\n"
        "heavy = {'torch', 'transformers', 'music21', 'scipy', 'symusic', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
