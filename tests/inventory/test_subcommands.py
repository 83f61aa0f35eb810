"""Who a command runs for."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentTypeError

import pytest

from inventory.subcommands import count, login_name


def test_the_login_name_is_the_accounts(monkeypatch):
    monkeypatch.setenv("LOGNAME", "olga")
    assert login_name() == "olga"


def test_an_account_without_a_name_has_its_number(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 123_456)
    assert login_name() == "uid123456"


def test_help_of_a_command_needs_no_name():
    environment = {
        name: value for name, value in os.environ.items() if name not in ("LOGNAME", "USER", "LNAME", "USERNAME")
    }
    code = "import os, pwd; os.getuid = lambda: 123456; import sys; sys.argv = ['manage.py', 'detox', 'run', '--help']; import manage; manage.main()"
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0 and "uid123456" in told.stdout, told.stderr


@pytest.mark.parametrize("text", ["-3", "1.5", "many", "", "٣"])
def test_a_limit_is_a_whole_number(text):
    with pytest.raises(ArgumentTypeError, match="whole number"):
        count(text)
    assert count("0") == 0
