"""What is written, and that nothing is left half-written."""

import io
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import HOP_SECONDS, SPEECH_RATE_HZ, Samples
from kws_live.cli import main
from kws_live.detection import make_settings
from kws_live.enrolment.bank import Bank
from kws_live.enrolment.takes import Take
from kws_live.enrolment.taught_model import check_name, check_word, words_of, write_taught
from kws_live.enrolment.taught_model import takes_of as kept_takes
from kws_live.enrolment.teaching import TaughtWord, Teacher
from kws_live.enrolment.vocabulary import (
    forget_word,
    newer_base,
    put_word,
    rename_word,
    retrain_words,
    teach_word,
    user_model,
    where_to_teach,
    without_alarm,
)
from kws_live.errors import ConfigError, DatasetError, ModelError, OutdatedWordsError
from kws_live.evaluation.clips import comparable
from kws_live.model import Model, load_model
from kws_live.model.card import write_card
from kws_live.model.folders import CARD_NAME, find_model
from kws_live.model.taught_words import BANK_NAME, TAKES_NAME, WORDS_NAME
from tests.enrolment.spoken_takes import demo_word, takes_of

pytestmark = pytest.mark.slow  # teaching a word takes a second


@pytest.fixture(autouse=True)
def user_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(scope="module")
def words(commands_model: Model) -> list[TaughtWord]:
    teacher = Teacher(commands_model)
    return [
        teacher.teach(name, [Take.of("a", t).features(commands_model) for t in takes_of(*parts, n=2)])
        for name, parts in (("left off", ("left", "off")), ("góra-dół", ("up", "down")))
    ]


@pytest.fixture
def model(words: list[TaughtWord], commands_model: Model, user_models: Path) -> Model:
    return write_taught(commands_model, user_models / "my-words", words)


def window() -> Samples:
    return np.resize(demo_word("yes"), SPEECH_RATE_HZ)


def scores(model: Model) -> dict[str, np.float32]:
    return dict(zip(model.card.labels, model.posteriors(model.stream_scorer(HOP_SECONDS), window()), strict=True))


def test_a_taught_model_is_a_model_like_any_other(model: Model, commands_model: Model) -> None:
    assert find_model("my-words") == model.folder
    assert load_model("my-words").card == model.card
    assert model.card.keywords == (*commands_model.card.keywords, "left off", "góra-dół")
    assert model.card.labels == (*commands_model.card.labels, "left off", "góra-dół")
    assert model.card.thresholds["left off"] == 0.8
    assert {WORDS_NAME, TAKES_NAME, *commands_model.card.files} == set(model.card.files)
    (model.folder / WORDS_NAME).write_bytes(b"something else")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_model("my-words")


def test_a_word_that_the_network_takes_for_its_own_is_told_apart(commands_model: Model, user_models: Path) -> None:
    like = "go"
    takes = [Take.of("a", sound).features(commands_model) for sound in takes_of(like, n=3)]
    model = write_taught(commands_model, user_models / "my-words", [Teacher(commands_model).teach("gow", takes)])
    heard = np.resize(takes_of(like, n=1)[0], SPEECH_RATE_HZ)
    before, after = (
        dict(zip(m.card.labels, m.posteriors(m.stream_scorer(HOP_SECONDS), heard), strict=True))
        for m in (commands_model, model)
    )
    assert before["go"] > 0.5
    assert after["gow"] > 0.8
    assert after["go"] < 0.2 * before["go"]


def test_a_clip_is_taken_for_a_taught_word_where_it_passes_its_threshold(adapted: Model) -> None:
    labels = adapted.card.labels
    own, left, stop, unknown = (labels.index(word) for word in ("yes", "left off", "stop", "_unknown_"))

    def taken_for(scores: dict[int, float]) -> str:
        given = np.array([scores.get(i, 0.0) for i in range(len(labels))], np.float32)
        return labels[int(comparable(adapted, given).argmax())]

    assert taken_for({unknown: 0.95, left: 0.85}) == "left off"
    assert taken_for({unknown: 0.2, own: 0.4, left: 0.75}) == "yes"  # below 0.8 it fires nowhere
    assert taken_for({own: 0.9, left: 0.85}) == "yes"
    assert taken_for({unknown: 0.95, stop: 0.7}) == "stop"  # an adapted one
    assert taken_for({unknown: 0.3, stop: 0.5}) == "stop"


def test_a_word_taken_away_leaves_the_others_bit_for_bit(model: Model) -> None:
    before = scores(model)
    after = scores(forget_word(model, "left off"))
    assert "left off" not in after
    assert after == {word: score for word, score in before.items() if word != "left off"}


def test_the_last_word_taken_away_leaves_the_base_model(model: Model, commands_model: Model) -> None:
    bare = forget_word(forget_word(model, "left off"), "góra-dół")
    assert bare.taught is None
    assert bare.card.keywords == commands_model.card.keywords
    assert scores(bare) == scores(commands_model)
    with pytest.raises(ConfigError, match="has no taught words; teach one"):
        user_model("my-words")


def test_a_renamed_word_keeps_its_score_its_takes_and_its_threshold(model: Model) -> None:
    write_card(model.folder, replace(model.card, thresholds={**model.card.thresholds, "left off": 0.65}))
    before, takes = scores(load_model("my-words")), kept_takes(model)["left off"][0]
    renamed = rename_word(load_model("my-words"), "left off", "lamp")
    after = scores(renamed)
    assert after["lamp"] == before["left off"]
    assert renamed.card.thresholds["lamp"] == 0.65
    assert np.array_equal(kept_takes(renamed)["lamp"][0][0].rows, takes[0].rows)
    with pytest.raises(ConfigError, match="has a word 'go' already"):
        rename_word(renamed, "lamp", "go")
    with pytest.raises(ConfigError, match="'left off' was not taught to 'my-words'; its words are: lamp, góra-dół"):
        rename_word(renamed, "left off", "light")


@pytest.fixture(scope="module")
def accent(commands_model: Model) -> TaughtWord:
    """The word "stop" said backwards, as an accent that the network does not hear."""
    takes = [Take.of("a", t).features(commands_model) for t in takes_of("stop", n=2, backwards=True)]
    return Teacher(commands_model).teach("stop", takes)


@pytest.fixture
def adapted(words: list[TaughtWord], accent: TaughtWord, commands_model: Model, user_models: Path) -> Model:
    return write_taught(commands_model, user_models / "adapted", [*words, accent])


def test_an_adapted_word_is_no_label_of_its_own_and_keeps_its_threshold(adapted: Model, model: Model) -> None:
    assert adapted.card.labels == model.card.labels
    assert adapted.card.thresholds == model.card.thresholds
    assert adapted.taught is not None
    assert adapted.taught.adapted == {"stop"}
    assert [(word.name, word.adapted) for word in words_of(adapted)][-1] == ("stop", True)


def test_an_adapted_word_changes_no_other_score_and_forgotten_it_is_what_it_was(adapted: Model, model: Model) -> None:
    sound = np.resize(takes_of("stop", n=2, backwards=True)[0], SPEECH_RATE_HZ)
    before, after = (
        dict(zip(m.card.labels, m.posteriors(m.stream_scorer(HOP_SECONDS), sound), strict=True))
        for m in (model, adapted)
    )
    assert after["stop"] > before["stop"]
    assert {**after, "stop": 0} == {**before, "stop": 0}
    assert scores(forget_word(adapted, "stop")) == scores(model)


def test_an_adapted_word_keeps_its_name(adapted: Model) -> None:
    with pytest.raises(ConfigError, match="'stop' is the network's word, fitted to your voice"):
        rename_word(adapted, "stop", "halt")


def test_an_adapted_word_that_is_heard_no_better_changes_nothing(commands_model: Model, user_models: Path) -> None:
    takes = [Take.of(f"{i}", samples) for i, samples in enumerate(takes_of("left", n=3))]
    with pytest.raises(DatasetError, match=r"3 of 3 takes of 'left' are heard as it is, .*nothing has been changed"):
        teach_word("left", takes, commands_model, user_models / "mine")
    assert not user_models.exists()


def test_takes_of_two_words_that_say_nothing_of_each_other_teach_nothing(
    commands_model: Model, user_models: Path
) -> None:
    takes = [Take.of("a", takes_of("left", "off", n=2)[0]), Take.of("b", takes_of("up", backwards=True, n=2)[0])]
    with pytest.raises(DatasetError, match=r"none of the 2 takes of 'hoy' was heard after learning from the others"):
        teach_word("hoy", takes, commands_model, user_models / "mine")
    assert not user_models.exists()


def test_a_newer_base_is_seen_and_retraining_goes_over_to_it(model: Model, commands_model: Model) -> None:
    assert newer_base(model) is None
    newer = model.folder.parent / "newer"
    shutil.copytree(commands_model.folder, newer)
    bank = Bank.load(newer / BANK_NAME)
    (newer / BANK_NAME).write_bytes(replace(bank, mean=-bank.mean).to_bytes())
    thresholds = {**commands_model.card.thresholds, "go": 0.5}
    write_card(newer, replace(commands_model.card, name="newer", thresholds=thresholds))
    write_card(model.folder, replace(model.card, figures={**model.card.figures, "taught_to": "newer"}))
    assert newer_base(load_model("my-words")) == "newer"
    again, _ = retrain_words(load_model("my-words"))
    assert newer_base(again) is None
    assert again.card.thresholds["go"] == 0.5


def test_a_taught_model_has_the_second_network_of_its_base_and_is_renewed_when_that_gets_one(
    model: Model, verified_model: Model, words: list[TaughtWord]
) -> None:
    assert not model.scorer().score(np.zeros((98, 40), np.float32)).opinions
    base = model.folder.parent / "newer"
    shutil.copytree(verified_model.folder, base)
    write_card(base, replace(verified_model.card, name="newer", verifier_bar=0.0))
    taught = write_taught(load_model(base), model.folder.parent / "more", words)
    assert len(taught.scorer().score(np.zeros((98, 40), np.float32)).opinions) == 2
    assert newer_base(taught) is None
    write_card(model.folder, replace(model.card, figures={**model.card.figures, "taught_to": "newer"}))
    assert newer_base(load_model(model.folder)) == "newer"


def test_without_its_base_a_model_is_taught_again_from_what_it_kept(model: Model) -> None:
    write_card(model.folder, replace(model.card, figures={**model.card.figures, "taught_to": "gone"}))
    again, words = retrain_words(load_model("my-words"))
    assert len(words) == 2
    assert scores(again)["stop"] == scores(model)["stop"]
    with pytest.raises(ConfigError, match="'left off' cannot go into 'commands-12' alone"):
        retrain_words(again, "left off", "commands-12")


def test_words_are_taught_again_from_the_takes_that_are_kept(model: Model) -> None:
    again, retrained = retrain_words(model)
    assert [word.name for word in retrained] == ["left off", "góra-dół"]
    assert again.card.labels == model.card.labels
    before, after = (words_of(one)[0] for one in (model, again))
    # The takes are kept with 16 bits: nearly the same weights.
    cosine = before.weights @ after.weights / np.linalg.norm(before.weights) / np.linalg.norm(after.weights)
    assert cosine > 0.999


def test_one_word_taught_again_leaves_the_others_bit_for_bit(model: Model) -> None:
    again, _ = retrain_words(model, "left off")
    before, after = scores(model), scores(again)
    assert all(after[word] == score for word, score in before.items() if word != "left off")


def test_listening_gives_a_long_word_the_time_it_takes(
    words: list[TaughtWord], commands_model: Model, user_models: Path
) -> None:
    long = replace(words[0], expectation=replace(words[0].expectation, word_seconds=1.4))
    model = write_taught(commands_model, user_models / "mine", [long])
    assert model.card.longest_word_seconds == pytest.approx(1.85)
    assert make_settings(model).snapshot().longest_word_seconds == pytest.approx(1.85)
    assert make_settings(forget_word(model, "left off")).snapshot().longest_word_seconds == 1.1


def test_the_user_words_can_be_the_only_ones_that_fire(
    words: list[TaughtWord], commands_model: Model, user_models: Path
) -> None:
    only = write_taught(commands_model, user_models / "mine", words[:1], only=True)
    assert only.card.keywords == ("left off",)
    assert only.card.labels[:-1] == commands_model.card.labels
    with pytest.raises(ConfigError, match="would have no word left; delete its folder instead"):
        forget_word(only, "left off")
    assert load_model("mine").card == only.card


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("", "must have 1 to 40 letters"),
        ("x" * 41, "must have 1 to 40 letters"),
        ("lights/on", "has '/' in it"),
        ("../../etc", "has '.' in it"),
        ("light 💡", "has '💡' in it"),
        ("a\x00b", "has '\\x00' in it"),
        ("-v", "must begin with a letter or digit"),
        ("_silence_", "has '_' in it"),
    ],
)
def test_a_word_that_cannot_be_one_is_refused(word: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_word(word)
    assert said in str(error.value)


def test_words_of_any_language_are_taken() -> None:
    for word in ("lights on", "góra", "світло", "灯", "शुरू", "l'été", "R2-D2"):
        assert check_word(word) == word
    assert check_word("  lights   on ") == "lights on"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "my words", "💡", "x" * 61, ".hidden", "a."])
def test_a_name_that_cannot_be_a_folder_everywhere_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a folder's"):
        check_name(name)


def test_where_a_word_goes(model: Model, user_models: Path) -> None:
    base, folder = where_to_teach("hoy")
    assert (base.card.name, folder) == ("my-words", user_models / "my-words")  # a second word goes beside the first
    base, folder = where_to_teach("hoy", name="other")
    assert (base.card.name, folder) == ("commands-12", user_models / "other")
    base, folder = where_to_teach("hoy", model="my-words", name="other")
    assert (base.card.name, folder) == ("my-words", user_models / "other")
    for arguments, said in (
        (("left off",), "you have taught 'left off' to 'my-words' already; for another try: kws-live words forget"),
        (("stop",), "knows 'stop' already; to fit it to your voice: kws-live teach stop --adapt"),
        (("hoy", None, None, True), "does not know 'hoy', so leave --adapt out; it knows: yes, no,"),
        (("left off", None, None, True), "you have taught 'left off' to 'my-words' already"),
        (("hoy", "commands-12"), "you have a model 'my-words' already; add the word to it with --model my-words"),
        (("hoy", None, "commands-12"), "'commands-12' is a shipped model, which stays as it is"),
        (("hoy", "paper", "other"), "model 'paper' has no embedding, so it cannot be taught"),
    ):
        with pytest.raises((ConfigError, ModelError)) as error:
            where_to_teach(*arguments)
        assert said in str(error.value)


def test_what_is_in_the_way_of_a_model_is_said(user_models: Path) -> None:
    (user_models / "my-words").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"my-words is in the way and is no model; move it, or choose another --name"):
        where_to_teach("hoy")


def test_kept_recordings_go_with_their_word(commands_model: Model, user_models: Path) -> None:
    takes = [Take.of(f"{i}", samples) for i, samples in enumerate(takes_of("left", "off", n=2))]
    model, _ = teach_word("left off", takes, commands_model, user_models / "mine", keep_audio=True)
    kept = [name for name in model.card.files if name.endswith(".flac")]
    assert len(kept) == 2
    model = rename_word(model, "left off", "lamp")
    assert len([name for name in model.card.files if name.endswith(".flac")]) == 2
    model = forget_word(model, "lamp")
    assert not list(model.folder.glob("*.flac"))


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow past 100 kB: to a program it is what a full disk is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_nothing_behind(words: list[TaughtWord], commands_model: Model, user_models: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot write .*; nothing has been changed"):
        write_taught(commands_model, user_models / "my-words", words)
    assert list(user_models.iterdir()) == []


def test_a_failed_change_leaves_the_model_as_it_was(
    model: Model, user_models: Path, request: pytest.FixtureRequest
) -> None:
    before = {path.name: path.read_bytes() for path in model.folder.iterdir()}
    request.getfixturevalue("full_disk")
    with pytest.raises(ModelError, match="nothing has been changed"):
        forget_word(model, "left off")
    assert {path.name: path.read_bytes() for path in model.folder.iterdir()} == before
    assert [path.name for path in user_models.iterdir()] == ["my-words"]


def test_a_folder_that_cannot_be_written_is_said(
    words: list[TaughtWord], commands_model: Model, user_models: Path
) -> None:
    user_models.write_text("a file where the folder should be")
    with pytest.raises(ModelError, match=r"cannot write .* set KWS_LIVE_MODELS to a folder that can be written"):
        write_taught(commands_model, user_models / "my-words", words)


def test_damaged_takes_are_said_in_one_line(model: Model) -> None:
    (model.folder / TAKES_NAME).write_bytes(b"no takes")
    with pytest.raises(ModelError, match=r"takes\.npz cannot be used: .*; teach the words again"):
        words_of(model)
    shutil.rmtree(model.folder)
    assert not (model.folder / CARD_NAME).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="modes as POSIX has them")
def test_a_taught_model_is_its_owners_alone(model: Model, words: list[TaughtWord]) -> None:
    model.folder.chmod(0o755)
    write_taught(model, model.folder, words, sounds={"take_0.flac": b"a voice"})
    assert model.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in model.folder.iterdir()} == {0o600}


@pytest.mark.skipif(sys.platform == "win32", reason="links as POSIX has them")
def test_a_model_behind_a_link_stays_behind_it(model: Model, words: list[TaughtWord], tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    model.folder.rename(elsewhere)
    model.folder.symlink_to(elsewhere)
    again = write_taught(load_model("my-words"), model.folder, words[:1])
    assert model.folder.is_symlink()
    assert load_model(elsewhere).card == again.card
    assert again.card.name == "my-words"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "models"]


@pytest.mark.usefixtures("can_mount")
def test_a_model_whose_folder_is_mounted_by_itself_is_written_there(model: Model, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    program = (
        "import sys; from kws_live.enrolment.vocabulary import forget_word; from kws_live.model import load_model\n"
        "forget_word(load_model(sys.argv[1]), 'left off')"
    )
    mount = 'mount --bind "$1" "$2" && "$3" -c "$4" "$2"'
    command = ["unshare", "-m", "sh", "-c", mount, "sh", str(model.folder), str(inside), sys.executable, program]
    subprocess.run(command, check=True)
    assert load_model(model.folder).taught is not None
    assert "left off" not in load_model(model.folder).card.keywords
    assert list(inside.iterdir()) == []


def as_an_earlier_version_wrote_it(model: Model) -> None:
    assert model.taught is not None
    buffer = io.BytesIO()
    np.savez(buffer, format=1, names=np.array(model.taught.names), weights=np.zeros((1, 64)), biases=np.zeros(1))
    (model.folder / WORDS_NAME).write_bytes(buffer.getvalue())
    (model.folder / TAKES_NAME).write_bytes(b"other features")
    write_card(model.folder, model.card)


def test_words_of_an_earlier_version_are_taught_again_from_the_sound_that_was_kept(
    commands_model: Model, user_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    takes = [Take.of(f"{i}", samples) for i, samples in enumerate(takes_of("left", "off", n=3))]
    model, _ = teach_word("left off", takes, commands_model, user_models / "mine", keep_audio=True)
    write_card(model.folder, replace(model.card, thresholds={**model.card.thresholds, "left off": 0.7}))
    before = scores(load_model("mine"))
    as_an_earlier_version_wrote_it(load_model("mine"))
    with pytest.raises(
        OutdatedWordsError, match="were taught with an earlier version; if the audio of their takes was kept"
    ):
        load_model("mine")
    assert main(["words", "list", "--model", "mine"]) == 0
    assert "left off             3 takes" in capsys.readouterr().out
    again = load_model("mine")
    assert scores(again) == pytest.approx(before, abs=0.02)
    assert again.card.thresholds["left off"] == 0.7
    assert len(list(again.folder.glob("take_*.flac"))) == 3


def test_words_of_an_earlier_version_of_which_no_sound_was_kept_stay_and_are_named(
    model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    as_an_earlier_version_wrote_it(model)
    before = (model.folder / WORDS_NAME).read_bytes()
    assert main(["listen", "--model", "my-words", "--source", "demo:"]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("kws-live: no sound was kept of 'left off', 'góra-dół' in ")
    assert told.endswith('remove the folder, then: kws-live teach "left off"')
    assert (model.folder / WORDS_NAME).read_bytes() == before


@pytest.fixture
def alarm() -> Samples:
    """What "left off" fires on, and is not."""
    return takes_of("left", "on", n=3)[1]


def test_a_word_unlearns_a_false_alarm_and_keeps_its_takes(model: Model, alarm: Samples) -> None:
    before, after = without_alarm(model, "left off", alarm)
    assert not before.false_alarms
    assert np.array_equal(load_model("my-words").taught.weights, model.taught.weights)  # type: ignore[union-attr]
    assert after.expectation.hits == before.expectation.hits
    changed = put_word(model, after)
    for one in (changed, retrain_words(changed, "left off")[0]):
        with pytest.raises(ConfigError, match=r"'left off' does not fire in this recording: it came to 0\.\d\d"):
            without_alarm(one, "left off", alarm)
        assert len(words_of(one)[0].false_alarms) == 1


def test_a_recording_of_the_word_itself_is_no_false_alarm(model: Model) -> None:
    with pytest.raises(DatasetError, match="'left off' cannot be told from this recording; is it the word itself"):
        without_alarm(model, "left off", takes_of("left", "off", n=2)[0])


def test_what_a_false_alarm_costs_is_shown_before_it_is_kept(
    model: Model, alarm: Samples, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "alarm.wav", alarm, SPEECH_RATE_HZ)
    before = (model.folder / WORDS_NAME).read_bytes()
    assert main(["words", "not-this", "left off", str(tmp_path / "alarm.wav")]) == 0
    told = capsys.readouterr().out
    assert told.startswith('with this change, "left off" no longer fires in alarm.wav; takes recognised when left out ')
    assert "out of the learning: 2 of 2 before, 2 after; false accepts in " in told
    assert "nothing was changed; to save the change, add --keep" in told
    assert (model.folder / WORDS_NAME).read_bytes() == before
    assert main(["words", "not-this", "left off", str(tmp_path / "alarm.wav"), "--keep"]) == 0
    assert 'changed "left off"' in capsys.readouterr().out
    assert (model.folder / WORDS_NAME).read_bytes() != before
    soundfile.write(tmp_path / "long.wav", np.tile(alarm, 20), SPEECH_RATE_HZ)
    assert main(["words", "not-this", "left off", str(tmp_path / "long.wav")]) == 1
    assert "is longer than 10 s; cut out the moment at which it fired" in capsys.readouterr().err
