"""What is published: the wheel, the source archive, their metadata, and the files of the repository's host."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import kws_live
from kws_live.guide import TOPICS, page

ROOT = Path(kws_live.__file__).parent.parent

if not (ROOT / "pyproject.toml").is_file():
    pytest.skip("not a checkout: there is nothing to build from", allow_module_level=True)
pytest.importorskip("hatchling.build", reason="hatchling is not installed: pip install hatchling")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def build(kind: str, folder: Path) -> Path:
    code = f"import hatchling.build as b; b.build_{kind}({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name)


def test_the_wheel_holds_models_demo_guide_page_and_licences_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert wheel.name == f"kws_live-{PROJECT['version']}-py3-none-any.whl"
    for wanted in (
        "models/commands-12/card.json", "models/LICENCES.md", "sources/demo.flac",
        *(f"models/commands-12/{name}" for name in kws_live.load_model().card.files),
        "panel/static/index.html", "training/recipes/commands-12.toml", "py.typed",
        *(f"guide/{one}.md" for one in TOPICS),
    ):  # fmt: skip
        assert f"kws_live/{wanted}" in names
    info = f"kws_live-{PROJECT['version']}.dist-info"
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/models/LICENCES.md"} <= names
    assert [name for name in names if name.split("/")[0] not in ("kws_live", info)] == []
    assert [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".orig", ".partial"))] == []


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "kws_live"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    with zipfile.ZipFile(wheel) as archive:
        assert set(listed.stdout.split()) <= set(archive.namelist())


def test_the_source_archive_holds_what_the_tests_need_and_builds_the_same_wheel(tmp_path: Path, wheel: Path) -> None:
    (tmp_path / "sdist").mkdir()
    with tarfile.open(build("sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    for wanted in ("README.md", "LICENSE", "pyproject.toml", "tests/conftest.py", "scripts/test", "models"):
        assert (unpacked / wanted).exists(), wanted
    (tmp_path / "again").mkdir()
    code = f"import hatchling.build as b; b.build_wheel({str(tmp_path / 'again')!r})"
    subprocess.run([sys.executable, "-c", code], cwd=unpacked, check=True, capture_output=True)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(next((tmp_path / "again").iterdir())) as other:
        assert {item.filename: item.CRC for item in one.infolist()} == {
            item.filename: item.CRC for item in other.infolist()
        }


def test_the_metadata_is_valid_and_says_who_what_and_for_whom(metadata: bytes) -> None:
    parsing = pytest.importorskip("packaging.metadata", reason="packaging is not installed")
    read = parsing.Metadata.from_email(metadata, validate=True)
    assert read.author == "The kws-live developers"
    assert read.license_expression == "Apache-2.0"
    assert read.description_content_type == "text/markdown"
    assert read.description.startswith("# kws-live")


def test_every_classifier_is_one_that_the_index_knows() -> None:
    known = pytest.importorskip("trove_classifiers", reason="trove-classifiers is not installed")
    assert [name for name in PROJECT["classifiers"] if name not in known.classifiers] == []
    versions = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)]
    lowest, above = re.findall(r"\d+\.\d+", PROJECT["requires-python"])
    assert (versions[0], f"3.{int(versions[-1].partition('.')[2]) + 1}") == (lowest, above)


def test_the_extra_all_is_all_extras() -> None:
    extras = PROJECT["optional-dependencies"]
    named = re.findall(r"\w+", extras["all"][0].partition("[")[2])
    assert sorted(named) == sorted(name for name in extras if name != "all")


def test_the_version_stands_in_one_place_and_the_changes_begin_with_it() -> None:
    assert kws_live.__version__ == PROJECT["version"]
    first = re.search(r"^## (\S+)", page("changes"), re.MULTILINE)
    assert first is not None
    assert first[1] == PROJECT["version"]
    again = [path for path in (ROOT / "kws_live").rglob("*.py") if f'"{PROJECT["version"]}"' in path.read_text("utf-8")]
    assert again == []


@pytest.mark.parametrize("name", ["workflows/test.yml", "dependabot.yml"])
def test_the_hosts_files_are_yaml_and_the_scripts_they_run_are_there(name: str) -> None:
    yaml = pytest.importorskip("yaml", reason="there is nothing to read YAML with")
    text = (ROOT / ".github" / name).read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    for script in re.findall(r"run: (\.ci/run|scripts/\w+)", text):
        assert (ROOT / script).is_file()


def locked(python: str) -> set[str]:
    """Names that the lock file pins for a version of Python on this system."""
    lines = re.findall(r"^([A-Za-z0-9].*?) *\\$", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.M)
    pins = [Requirement(line) for line in lines]
    return {canonicalize_name(pin.name) for pin in pins if holds(pin, python)}


def holds(requirement: Requirement, python: str, extra: str = "") -> bool:
    """Whether a requirement counts for a version of Python here."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
    return requirement.marker is None or requirement.marker.evaluate(environment)  # over this system's own


def required() -> list[Requirement]:
    """What the package, its extras and its developers require."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    groups = (project["project"]["dependencies"], *extras, project["dependency-groups"]["dev"])
    return [Requirement(line) for group in groups for line in group]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_pins_all_that_is_required(python: str) -> None:
    wanted = {canonicalize_name(one.name) for one in required() if holds(one, python)}
    assert wanted - locked(python) == {"kws-live"}  # the extra "all" names the package itself


def test_the_lock_pins_what_its_own_packages_require() -> None:
    """Here: of other versions of Python the packages are not at hand."""
    python = ".".join(map(str, sys.version_info[:2]))
    left_out = re.findall(r"--no-emit-package (\S+)", (ROOT / "scripts" / "lock").read_text(encoding="utf-8"))
    pins, todo, missing = locked(python), required(), set()
    seen = {"kws-live", *left_out}
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        if name in seen or not holds(one, python):
            continue
        seen.add(name)
        if name in pins:
            deeper = map(Requirement, requires(name) or ())
            todo += [next_one for next_one in deeper if any(holds(next_one, python, of) for of in ("", *one.extras))]
        else:
            missing.add(name)
    assert left_out
    assert missing == set()
