import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from kws_live.cli import COMMANDS, main
from kws_live.guide import TOPICS


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def completed(text: str, line: str) -> list[str]:
    """What bash offers after a line."""
    words = line.split(" ")
    code = f"{text}\nCOMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; _kws_live"
    done = subprocess.run(
        ["bash", "-c", f'{code}; printf "%s\\n" "${{COMPREPLY[@]}}"'], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_options_choices_and_topics(capsys: pytest.CaptureFixture[str]) -> None:
    text = script("bash", capsys)
    assert set(completed(text, "kws-live ")) == {*COMMANDS, "--help", "--version"}
    assert completed(text, "kws-live li") == ["listen"]
    assert completed(text, "kws-live listen --mo") == ["--model", "--mode"]
    assert completed(text, "kws-live listen --mode ") == ["command", "spotting"]
    assert completed(text, "kws-live listen --sink ") == []  # bash completes files then
    assert completed(text, "kws-live detect ") == []
    assert set(completed(text, "kws-live guide ")) == set(TOPICS)
    assert "rename" in completed(text, "kws-live words r")
    assert completed(text, "kws-live words test --ta") == ["--takes"]


@pytest.mark.twin("test_bash_completes_commands_options_choices_and_topics")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_accepts_its_script(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if (program := shutil.which(shell)) is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "completion"
    path.write_text(script(shell, capsys), encoding="utf-8")
    done = subprocess.run([program, "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_options_and_choices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "kws-live.fish"
    path.write_text(script("fish", capsys), encoding="utf-8")

    def offered(line: str) -> set[str]:
        code = f"source {shlex.quote(str(path))}; complete -C {shlex.quote(line)}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        return {row.split("\t")[0] for row in done.stdout.splitlines()}

    assert set(COMMANDS) <= offered("kws-live ")
    assert offered("kws-live listen --mod") == {"--mode", "--model"}
    assert offered("kws-live listen --mode ") == {"command", "spotting"}
