from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tuiprefs.music.soundfont import SoundFont, bundled_font
from tuiprefs.project.assets import asset
from tuiprefs.project.errors import TuiprefsError, UserError

NAMES = ("fiddle", "flute", "accordion", "harp", "guitar", "piano")


def test_the_font_has_its_instruments_and_licence_and_is_small() -> None:
    folder = asset("soundfont")
    assert set(bundled_font().names) == set(NAMES)
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 1_500_000
    licence = (folder / "LICENSE").read_text("utf-8")
    assert "Frank Wen" in licence
    assert "Permission is hereby granted, free of charge" in " ".join(licence.split())


@pytest.mark.parametrize("name", NAMES)
def test_zones_cover_every_key_once(name: str) -> None:
    instrument = bundled_font().instrument(name)
    covered = [key for zone in instrument.zones for key in range(zone.low, zone.high + 1)]
    assert covered == list(range(128))
    for pitch in (0, instrument.lowest, 72, instrument.highest, 127):
        zone = instrument.zone(pitch)
        assert zone.low <= pitch <= zone.high
    for zone in instrument.zones:
        assert 0 < zone.loop_start < len(zone.samples)
        assert np.isfinite(zone.samples).all()
        assert 0.02 < np.abs(zone.samples).max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_loops_are_closed(name: str) -> None:
    instrument = bundled_font().instrument(name)
    for zone in instrument.zones:
        loop = zone.samples[zone.loop_start :].astype(np.float64)
        roughness = np.abs(np.diff(np.concatenate([loop, loop]), 3))
        joint = roughness[len(loop) - 4 : len(loop) + 2].max()
        # Third differences bring out a step; the joint must not be rougher than the sound itself.
        assert joint <= 1.1 * roughness[8 : len(loop) - 8].max()


def test_an_unknown_instrument_names_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'kazoo'.*fiddle, flute"):
        bundled_font().instrument("kazoo")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99, "instruments": {}}', '{"format": 1}'])
def test_a_damaged_font_is_a_plain_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "font.json").write_text(text, encoding="utf-8")
    with pytest.raises(TuiprefsError, match="install tuiprefs again"):
        SoundFont(tmp_path)


def test_the_description_says_where_the_samples_are_from() -> None:
    description = json.loads(asset("soundfont", "font.json").read_text("utf-8"))
    assert description["source"] == "FluidR3_GM.sf2"
    assert description["license"] == "MIT"
    assert len(description["source_sha256"]) == 64
