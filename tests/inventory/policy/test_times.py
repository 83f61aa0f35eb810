"""Times are read as GNU ``date -u -d`` reads them."""

from __future__ import annotations

import os
import re
import subprocess
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.policy.errors import TimeError
from inventory.policy.times import parse_time

NOWS = (1700000000, 1709164800 + 3661, 1706745599, 1735689600)
"""2023-11-14 22:13:20, a leap day, the last second of a January, a New Year."""

RELATIVE = (
    """
90 days ago|1 week ago|3 months ago|12 months ago|1 year ago|2 fortnights ago|150 days ago|300 days ago|6 hours ago
30 minutes ago|45 min ago|10 seconds ago|10 sec ago|1 month ago|2 years ago|week ago|month ago|year ago|fortnight ago
next week|last week|last month|next month|last year|next year|this week|third week|twelfth month|next day
yesterday|today|now|tomorrow|1 day|+3 days|-3 days|+2 weeks|-1 month|-18 months|1 year 2 months ago|1 day 2 hours
2 weeks ago 1 day ago|yesterday 12:00|12:00 yesterday|tomorrow 3pm|1 week ago 08:30|90 DAYS AGO|5 days  ago|1days ago
monday|last monday|next monday|this friday|sunday|last sunday|tues|thurs|wed|saturday 10:00|third friday|last fri
last monday 2 days ago|third friday 3 months ago|1 fortnight|3 fortnights ago|0 days|31 days ago|1 hour|24 hours ago|1000 hours ago
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
ABSOLUTE = (
    """
January 1|2019-06-04 12:00|2019-06-04|2019-6-4|2019/06/04|06/04/2019|6/4|12/31|06/04/19|06/04/70|01/01/69|1 January
1 Jan 2020|4 June 2019|June 4, 2019|June 4 2019|Jun 4|Sept 9 2018|Dec 25|31 December|25-Dec-2018|Feb 29 2020|may 5
2019-06-04T12:00:00|2019-06-04T12:00:00Z|2019-06-04 12:00:30|2019-06-04 12:00 UTC|2019-06-04 12:00 +0200|2 friday|4 June 19|4 June 2019 year ago|31-Dec-98 week ago|31-Dec-98
2019-06-04 12:00:00-05:00|2019-06-04 12:00 CET|2019-06-04 3pm|2019-06-04 12am|2019-06-04 12:30 PM|20190604|20190604 1200
12:00|23:59:59|0:00|3pm|11:30 am|2019|7|Jan 5 12:00|Jan 5 12:00 2018|2019-06-04 90 days ago|2019-01-31 1 month
2020-01-31 + 1 month|2020-03-31 1 month ago|2020-02-29 1 year ago|2019-06-04 12:00 1 week ago|2019-06-04 yesterday
@1700000000|@0|@-86400|@1700000000.9|mon 2019-06-03|Tuesday, June 4 2019|1999-12-31 23:59:59|2038-01-19 03:14:08
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
_NAMES_A_DAY_OR_HOUR = re.compile(r"\b(mon|tues|wed|thurs|fri|sat|sun|(mon|fri|satur|sun)day)\b|:|pm")
WRONG = (
    "", " ", "ninety days ago", "90 dayz ago", "2019-13-01", "2019-02-30", "25:00", "12:61", "13/13/2019", "Feb 30",
    "2019-06-04 2019-06-05", "12:00 13:00", "monday tuesday", "@", "@x", "@1 day", "2019-06-", "X_Y", "90 days before",
    "ago", "last", "2019-06-04 foo", "12:00 99", "45 Dec", "Sept 90", "12:00 +25", "13pm", "0pm", "99999999999 days ago",
)  # fmt: skip


def gnu(expression: str) -> int | None:
    """What GNU date says; None when it cannot read the expression."""
    command = ["date", "-u", "-d", expression, "+%s"]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"LC_ALL": "C", "PATH": os.defpath}
    )
    return int(answer.stdout) if answer.returncode == 0 else None


def ours(expression: str, now: int) -> int | None:
    try:
        return parse_time(expression, now)
    except TimeError:
        return None


def agrees_now(expression: str) -> bool:
    """Whether both say the same in the same second; tried again when the second changed in between."""
    return any(ours(expression, int(time.time())) == gnu(expression) for _ in range(3))


@pytest.mark.slow
def test_expressions_mean_what_gnu_date_says() -> None:
    expressions = RELATIVE + ABSOLUTE
    assert len(expressions) >= 120
    assert [expression for expression in expressions if not agrees_now(expression)] == []
    assert [expression for expression in expressions if ours(expression, NOWS[0]) is None] == []


@pytest.mark.slow
@pytest.mark.parametrize("now", NOWS)
def test_relative_expressions_count_from_the_given_moment(now: int) -> None:
    base = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S")
    plain = [text for text in RELATIVE if not _NAMES_A_DAY_OR_HOUR.search(text)]
    assert len(plain) >= 35
    wrong = {text: (ours(text, now), gnu(f"{text} {base}")) for text in plain}
    assert {text: both for text, both in wrong.items() if both[0] != both[1]} == {}


def test_days_of_the_week_count_from_the_given_day() -> None:
    tuesday = NOWS[0]
    midnight = tuesday - tuesday % 86400
    assert parse_time("tuesday", tuesday) == midnight
    assert parse_time("last tuesday", tuesday) == midnight - 7 * 86400
    assert parse_time("next monday", tuesday) == midnight + 6 * 86400


def test_dates_without_a_year_are_of_the_present_one() -> None:
    assert parse_time("January 1", NOWS[0]) == 1672531200
    assert parse_time("12/31", NOWS[0]) == 1703980800


@pytest.mark.parametrize("expression", [text for text in WRONG if text.strip()])
def test_what_date_refuses_is_refused(expression: str) -> None:
    assert gnu(expression) is None
    with pytest.raises(TimeError, match="cannot read the time"):
        parse_time(expression, NOWS[0])


@pytest.mark.parametrize("expression", ["", "  ", "x" * 300, "9" * 150 + " days ago"])
def test_nothing_and_too_much_are_refused(expression: str) -> None:
    with pytest.raises(TimeError):
        parse_time(expression, NOWS[0])


@given(st.text(max_size=60))
def test_any_text_gives_a_time_or_a_time_error(text: str) -> None:
    assert ours(text, NOWS[1]) is None or isinstance(ours(text, NOWS[1]), int)


WORDS = st.sampled_from((" ".join(RELATIVE + ABSOLUTE) + " ago + - T Z 99 2019 31/31 @").split())


@given(st.lists(WORDS, max_size=6).map(" ".join))
def test_any_mixture_of_words_gives_a_time_or_a_time_error(text: str) -> None:
    assert ours(text, NOWS[1]) is None or isinstance(ours(text, NOWS[1]), int)
