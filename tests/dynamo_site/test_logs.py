"""What is logged, in which form, and what never is."""

from __future__ import annotations

import json
import logging
import logging.config
import subprocess
import sys

import pytest
import structlog

from dynamo_site.logs import HIDDEN, hide_secrets, logging_settings
from dynamo_site.reference.environment import MEANINGS

_PROGRAM = """
import logging, logging.config, structlog
from dynamo_site.logs import configure_structlog, logging_settings
configure_structlog()
logging.config.dictConfig(logging_settings("json", "INFO"))
with structlog.contextvars.bound_contextvars(run=7, application="detox"):
    structlog.get_logger("a").info("deleted", bytes=5, password="s3cret")
    logging.getLogger("b").warning("with %s", "redis://u:s3cret@host/0")
    try:
        raise ValueError("Authorization: Bearer s3cretS3cret")
    except ValueError:
        logging.getLogger("c").exception("went wrong")
logging.getLogger("d").debug("not told")
"""


@pytest.fixture(scope="module")
def told():
    run = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert run.stderr == ""
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_every_line_is_json_with_when_who_and_which_run(told):
    assert [line["event"] for line in told] == ["deleted", f"with redis://u:{HIDDEN}@host/0", "went wrong"]
    assert [line["level"] for line in told] == ["info", "warning", "error"]
    assert {(line["run"], line["application"]) for line in told} == {(7, "detox")}
    assert told[0]["bytes"] == 5
    assert all(line["timestamp"].endswith("Z") for line in told)


def test_secrets_are_in_no_line(told):
    assert "s3cret" not in json.dumps(told).replace(HIDDEN, "")
    assert told[0]["password"] == HIDDEN
    assert "ValueError" in told[2]["exception"]


def test_secrets_are_hidden_at_any_depth_and_numbers_stay():
    event = {"event": "x", "request": {"headers": [{"Cookie": "abc"}], "token": "t"}, "token": 12, "passed": 3}
    assert hide_secrets(None, "", event) == {
        "event": "x", "request": {"headers": [{"Cookie": HIDDEN}], "token": HIDDEN}, "token": 12, "passed": 3,
    }  # fmt: skip


def test_long_texts_are_cut():
    cut = hide_secrets(None, "", {"event": "a" * 20_000})["event"]
    assert len(cut) < 10_100
    assert cut.endswith("(20000 characters)")


def test_a_wrong_form_is_refused():
    with pytest.raises(ValueError, match="json, text, auto"):
        logging_settings("xml", "INFO")


@pytest.mark.parametrize("form", ["json", "text", "auto"])
def test_the_forms_of_the_documentation_are_taken(form):
    assert f"`{form}`" in MEANINGS["DYNAMO_LOG_FORMAT"]
    assert logging_settings(form, "INFO")["root"]["level"] == "INFO"


def test_commands_answers_are_not_mixed_with_logs(monkeypatch, capsys):
    handler = logging.config.DictConfigurator(logging_settings("json", "INFO")).configure_custom(
        {"()": "dynamo_site.logs.OutputHandler"}
    )
    monkeypatch.setattr(sys, "argv", ["manage.py", "detox"])
    assert handler.stream is sys.stderr
    monkeypatch.setattr(sys, "argv", ["manage.py", "worker"])
    assert handler.stream is sys.stdout
    assert structlog.is_configured()


FORGING = """
import logging, logging.config, structlog
from dynamo_site.logs import configure_structlog, logging_settings
logging.config.dictConfig(logging_settings("text", "INFO"))
configure_structlog()
evil = "x\\n2026-01-01 [info     ] admin logged in\\x1b[2J\\u2028"
logging.getLogger("django.request").warning("Not Found: %s", evil)
structlog.get_logger("x").info(evil, path=evil)
try:
    raise ValueError(evil)
except ValueError:
    structlog.get_logger("x").exception("failed")
"""


def test_in_text_nobody_begins_a_line_of_the_log_or_steers_the_terminal():
    done = subprocess.run([sys.executable, "-c", FORGING], capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout and "admin logged in" in done.stdout, done.stderr
    assert not [line for line in done.stdout.splitlines() if line.startswith("2026-01-01 [info")]
    assert "ValueError" in done.stdout
