from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from virtual_daemon import COMMAND, environment

from gateway.cli import main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", "the following arguments are required: COMMAND (try `hushbell --help`)"),
        ("explain --silences --since h", "'h' is no time, expected such as 30min, 1h or 7d (try `hushbell explain"),
        ("explain --silences --since 1..5h", "'1..5h' is no time, expected such as 30min, 1h or 7d (try"),
        ("explain --silences --since 5m", "'5m' is no time, expected such as 30min, 1h or 7d (try"),
        ("explain --silences --since nan", "'nan' is no time, expected such as 30min, 1h or 7d (try"),
        ("sandbox --speed fast", "'fast' is no speed, expected a number above 0 (try `hushbell sandbox --help`)"),
        ("sandbox --speed nan", "'nan' is no speed, expected a number above 0 (try"),
        ("enrol --seconds -1", "'-1' is no time, expected 1 to 600 seconds (try `hushbell enrol --help`)"),
        ("calibrate --seconds x", "'x' is no time, expected 1 to 600 seconds (try `hushbell calibrate --help`)"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_is_expected(
    arguments: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert told in said


@pytest.mark.parametrize(("language", "told"), [("C", "no such file\n"), ("zh_CN.UTF-8", "没有这个文件\n")])
def test_a_file_that_is_not_there_is_told_in_the_language_of_who_asks(language: str, told: str, tmp_path: Path) -> None:
    command = [*COMMAND, "members", "put", "none.jsonl"]
    spoken = {**environment(), "LC_ALL": language}
    done = subprocess.run(command, cwd=tmp_path, env=spoken, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, f"hushbell: none.jsonl: {told}")
