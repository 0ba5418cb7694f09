"""What several modules of these tests start from."""

import json
import subprocess

import pytest

from tests.cli.program import KWS_LIVE


@pytest.fixture(scope="module")
def demo_rows() -> list[dict[str, object]]:
    done = subprocess.run([*KWS_LIVE, "detect", "demo:", "--json"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]
