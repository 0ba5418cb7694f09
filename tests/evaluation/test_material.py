"""What streams are built from: found in folders or by a table, or missing."""

from pathlib import Path

import pytest

from kws_live.errors import ConfigError, DatasetError
from kws_live.evaluation.material import find_material
from tests.evaluation.test_make_stream import material
from tests.fakes import KEYWORDS


def test_class_folders_are_words_unknown_words_and_no_silence(data: Path) -> None:
    found = material(data)
    assert {word: len(paths) for word, paths in found.words.items()} == {"yes": 3, "no": 3}
    assert [path.parent.name for path in found.unknown] == ["bed"] * 3
    assert [path.parent.name for path in found.noise] == ["fan", "rain"]
    assert [path.name for path in found.talk] == ["7-1-0.wav"]  # the other utterance says a keyword


def test_a_table_of_clips_can_be_narrowed_to_a_set(data: Path) -> None:
    table = data / "clips.csv"
    table.write_text("path,word,set\nclips/yes/0.wav,yes,train\nclips/yes/1.wav,yes,val\nclips/bed/0.wav,bed,val\n")
    found = find_material(table, KEYWORDS, set_name="val")
    assert (found.words, found.unknown) == ({"yes": [data / "clips/yes/1.wav"]}, [data / "clips/bed/0.wav"])


def test_missing_material_is_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a folder"):
        find_material(tmp_path / "absent", KEYWORDS)
    with pytest.raises(DatasetError, match=r"has no clip of up; it has: _silence_, bed, no, yes"):
        find_material(data / "clips", ("up",))
    with pytest.raises(DatasetError, match="contains no sound files"):
        find_material(data / "clips", KEYWORDS, noise=tmp_path)
    with pytest.raises(DatasetError, match=r"no \*.trans.txt"):
        find_material(data / "clips", KEYWORDS, talk=[tmp_path])
    with pytest.raises(ConfigError, match="have no sets"):
        find_material(data / "clips", KEYWORDS, set_name="val")
    (tmp_path / "clips.csv").write_text("path,label\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="has no column word"):
        find_material(tmp_path / "clips.csv", KEYWORDS)
    (tmp_path / "clips.csv").write_text("path,word\nyes/1.wav\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"clips\.csv, line 2 has no path or no word"):
        find_material(tmp_path / "clips.csv", KEYWORDS)
