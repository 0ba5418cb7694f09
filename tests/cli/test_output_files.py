import os
import sys
from pathlib import Path

import pytest

from kws_live.cli.output_files import require_place
from kws_live.errors import ConfigError


def test_a_file_may_be_new_or_there_already(tmp_path: Path) -> None:
    require_place(tmp_path / "new")
    (tmp_path / "old").touch()
    require_place(tmp_path / "old")


def test_a_folder_and_a_file_in_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        require_place(tmp_path)
    with pytest.raises(ConfigError, match="there is no folder"):
        require_place(tmp_path / "none" / "new")


@pytest.mark.skipif(sys.platform == "win32", reason="links as POSIX has them")
def test_what_counts_is_where_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "good").symlink_to(tmp_path / "new")
    require_place(tmp_path / "good")
    (tmp_path / "bad").symlink_to(tmp_path / "none" / "new")
    with pytest.raises(ConfigError, match="there is no folder"):
        require_place(tmp_path / "bad")


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no such device")
def test_a_device_is_a_place() -> None:
    require_place(Path("/dev/null"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_what_may_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old").touch(mode=0o444)
    with pytest.raises(ConfigError, match="permission denied"):
        require_place(tmp_path / "old")
