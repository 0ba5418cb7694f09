"""The program, and the words in what it prints."""

import json
import sys

KWS_LIVE = [sys.executable, "-m", "kws_live"]


def words_of(output: str) -> list[str]:
    rows = [json.loads(line) for line in output.splitlines()]
    return [row["keyword"] for row in rows if row["type"] == "detection"]
