"""SQL over the inventory."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from registry import tokens
from registry.answer_models import KeptAnswer
from tests.registry.api.reading.makers import DATASETS
from tests.registry.api.reading.test_formats import TYPES, body_of, read_back

COUNT = "SELECT status, count(*) AS number, sum(num_access) AS accesses FROM datasets GROUP BY status ORDER BY status"


@pytest.fixture
def known(reader, db):
    reader.headers = {"authorization": f"Bearer {tokens.create(User.objects.create_user('ann'))[1]}"}
    return reader


def ask(reader, sql: str, **query: object):
    return reader.client.get("/api/v1/query", {"sql": sql, **query}, headers=reader.headers)


def test_rows(known, stocked):
    answer = ask(known, COUNT)
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert [row["number"] for row in found["results"]] == [4, 4, 4]
    assert sum(row["accesses"] for row in found["results"]) == sum(range(12))
    assert (found["truncated"], answer["Dynamo-Version"]) == (False, "1")


def test_long_sql_goes_in_the_body(known, stocked):
    names = ", ".join(f"'{name}'" for name in DATASETS * 300)
    body = {"sql": "SELECT name FROM datasets WHERE name IN (NAMES)".replace("NAMES", names), "limit": 5}
    answer = known.client.post("/api/v1/query", body, content_type="application/json", headers=known.headers)
    assert answer.status_code == 200, answer.content
    assert len(answer.json()["results"]) == 5
    assert answer.json()["truncated"] is True


def test_credentials_that_only_read_are_enough_for_long_sql(reader, stocked):
    secret = tokens.create(User.objects.create_user("ann"), scopes=[])[1]
    body, headers = {"sql": "SELECT 1 AS one"}, {"authorization": f"Bearer {secret}", "idempotency-key": "k"}
    for _ in range(2):
        answer = reader.client.post("/api/v1/query", body, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json()["results"]) == (200, [{"one": 1}])
    assert not KeptAnswer.objects.exists()


def test_names_of_columns_are_cells_too(known, stocked):
    """Text of a header is the caller's, as that of a cell is anybody's."""
    sql = """ SELECT 1 AS "=HYPERLINK(1)", 2 AS "a,b", 3 AS "c""d" """
    data = body_of(ask(known, sql, format="csv"))
    assert data == b'\'=HYPERLINK(1),"a,b","c""d"\r\n1,2,3\r\n'


@pytest.mark.parametrize("form", TYPES)
def test_in_every_format(known, stocked, form):
    wanted = ask(known, COUNT).json()["results"]
    found = read_back(form, body_of(ask(known, COUNT, format=form)))
    assert found == ([{name: str(value) for name, value in row.items()} for row in wanted] if form == "csv" else wanted)


@pytest.mark.parametrize(
    "sql", ["SELECT 1::DOUBLE/0 AS x", "SELECT [1,2] AS x", "SELECT 2::HUGEINT**100 AS x", "SELECT DATE '2026-01-01' AS x, 1.25 AS y",
            "SELECT NULL AS x", "SELECT 'a'::BLOB AS x", "SELECT {'a': 1} AS x", "SELECT uuid() AS x"]
)  # fmt: skip
def test_any_type(known, stocked, sql):
    for form in ("json", *TYPES):
        answer = ask(known, sql, format=form)
        assert answer.status_code == 200, answer.content
        assert body_of(answer)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT",
        "DELETE FROM datasets",
        "SELECT 1; SELECT 2",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM nothing",
        "SELECT INTERVAL 1 DAY AS x",
        "\0",
    ],
)
def test_what_cannot_be_asked(known, stocked, sql):
    answer = ask(known, sql)
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"


def test_nobody_unknown_may(reader, stocked):
    assert reader.client.get("/api/v1/query", {"sql": "SELECT 1"}).status_code == 401
