"""What the resources of the engines, of runs and of policies show, and what operators do with them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fileops.models import Subscription
from inventory import run_tokens
from inventory.policy import versions
from registry import audit, tokens
from registry.audit_models import AuditRecord
from registry.models import ApiToken, DeviceLogin, Injection, KeptAnswer
from scheduler import applock
from scheduler.models import Run
from tests.detox.store import POLICY
from tests.registry.api.writing.conftest import fields_of, problem
from tests.registry.makers import BIG

pytestmark = pytest.mark.usefixtures("everything")


def rows(caller, address: str, **query: str) -> list[dict]:
    answer = caller.get(address, query)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


@pytest.mark.parametrize(
    ("path", "column", "value"),
    [
        ("runs", "application", "detox"), ("runs/1/log", "text", "decided"), ("jobs", "task", "detox.cycle"),
        ("detox/cycles", "partition", "Physics"), ("detox/cycles/1/sites", "reason", "below its watermark"),
        ("detox/cycles/1/decisions", "dataset", BIG), ("detox/comparisons", "author", "ann"),
        ("dealer/cycles", "partition", "Physics"), ("dealer/cycles/1/sites", "site", "T2_A"),
        ("dealer/cycles/1/answers", "cause", "request 1"), ("dealer/cycles/1/rejections", "reason", "Destination is full"),
        ("dealer/cycles/1/copies", "block", "b1"), ("transfers", "site", "T2_B"), ("deletions", "site", "T2_A"),
        ("held", "reason", "no_source"), ("attempts", "exit_code", 110), ("transfers/1/attempts", "message", "Connection timed out"),
        ("consistency/runs", "num_missing", 1), ("consistency/runs/1/lists/missing", "path", "/store/big/1.root"),
        ("consistency/sites", "site", "T2_A"), ("policies/Physics.txt/versions", "author", "ann"), ("sources", "name", "popularity"),
        ("sources/popularity/fetches", "rows", 3), ("injections", "state", "queued"), ("invalidations", "kind", "delete"),
        ("locks", "item", BIG), ("application-locks", "application", "dealer"), ("copy-requests/1/actions", "item", BIG),
    ],
)  # fmt: skip
def test_lists_show_what_there_is_to_anybody(nobody, path, column, value):
    found = rows(nobody, path)
    assert found[0][column] == value
    assert rows(nobody, path, **{column: str(value), "fields": column}) == [
        {column: row[column]} for row in found if row[column] == value
    ]
    assert rows(nobody, path, **{f"{column}__not": str(value)}) == [row for row in found if row[column] != value]


@pytest.mark.parametrize("path", [
    "runs/1", "detox/cycles/1", "detox/comparisons/1", "dealer/cycles/1", "transfers/1", "deletions/2", "consistency/runs/1",
    "policies/Physics.txt/versions/1", "sources/popularity", "injections/1", "invalidations/2", "locks/1", "copy-requests/1",
    "deletion-requests/2",
])  # fmt: skip
def test_one_is_shown_as_in_its_list_and_another_is_not_found(nobody, path):
    shown = nobody.get(path)
    assert shown.status_code == 200, shown.content
    above, _, name = path.rpartition("/")
    listed = rows(nobody, above.removesuffix("/versions") + "/versions" if "versions" in path else above)
    assert {column: shown.json()[column] for column in listed[0]} in listed
    problem(nobody.get(f"{above}/{'9999' if name.isdigit() else 'none'}"), 404, "not-found")


def test_times_keep_their_order_within_a_second(nobody):
    assert rows(nobody, "runs", order="-queued_at")[0]["id"] == 1
    assert rows(nobody, "held", created__ge="2030-01-31T12:00:00Z", order="created")[0]["id"] == 1
    assert rows(nobody, "held", created__gt="2031-01-01T00:00:00Z") == []


def test_globs_choose_texts(nobody):
    assert len(rows(nobody, "held", site="T2_*")) == 2
    assert len(rows(nobody, "held", site="T2_[A]")) == 1
    assert rows(nobody, "held", site="T1_*") == []


class TestHeld:
    def test_operators_have_it_tried_again(self, operator, ann):
        problem(ann.post("held/release", {"sites": ["T2_B"]}), 403, "denied")
        assert operator.post("held/release", {"sites": ["T2_B"]}).json() == {"released": 1}
        assert Subscription.objects.get(pk=1).state == "new"
        assert Subscription.objects.get(pk=2).state == "held"

    def test_no_condition_is_never_everything(self, operator):
        assert fields_of(problem(operator.post("held/release", {}), 400, "invalid")) == ["all"]
        assert operator.post("held/release", {"all": True}).json() == {"released": 2}

    def test_operators_give_up_what_nobody_wants(self, operator):
        given_up = operator.post("held/1/fail", {"reason": "lost everywhere"}).json()
        assert given_up["state"] == "cancelled"
        assert "olga" in given_up["message"]
        problem(operator.post("held/1/fail", {"reason": "again"}), 409, "conflict")


class TestDetox:
    def test_a_cycle_that_is_not_kept_is_gone_and_one_that_never_was_is_not_found(
        self, nobody, everything, settings, tmp_path
    ):
        settings.HISTORY_DIR = tmp_path / "elsewhere"
        problem(nobody.get("detox/cycles/1/decisions"), 410, "gone")
        problem(nobody.get("detox/cycles/7/decisions"), 404, "not-found")

    def test_only_refused_cycles_are_confirmed_by_operators(self, operator, ann):
        problem(ann.post("detox/cycles/1/confirm"), 403, "denied")
        problem(operator.post("detox/cycles/1/confirm"), 409, "conflict")

    def test_cycles_follow_policies_of_the_directory_only(self, operator):
        assert (
            "directory"
            in problem(operator.post("detox/cycles", {"policy": "../../etc/passwd"}), 400, "refused")["detail"]
        )
        problem(operator.post("detox/cycles", {"policy": "None.txt"}), 400, "refused")

    def test_a_question_with_mistakes_is_told_all_of_them(self, operator, redis_url):
        told = problem(
            operator.post("detox/comparisons", {"subject": "Physics", "quotas": ["T2_A"], "statuses": ["T2_A=SAD"]}),
            400,
            "refused",
        )
        assert "T2_A" in told["detail"]
        assert "SAD" in told["detail"]

    def test_an_explanation_asks_for_site_and_dataset(self, nobody):
        assert set(fields_of(problem(nobody.get("detox/cycles/1/explain"), 400, "invalid"))) == {"site", "dataset"}
        problem(nobody.get("detox/cycles/1/explain", {"site": "T2_Z", "dataset": BIG}), 404, "not-found")


class TestPolicies:
    def test_a_text_is_checked_without_being_kept(self, ann, nobody):
        good = ann.post("policies/check", {"text": POLICY}).json()
        assert good["usable"] is True
        bad = ann.post("policies/check", {"text": "Partition Physics\nOn site.name\nDismis\n"}).json()
        assert bad["usable"] is False
        assert bad["findings"]
        problem(nobody.post("policies/check", {"text": POLICY}), 401, "not-authenticated")
        assert versions.newest("policy.txt") is None

    def test_operators_put_new_versions_in_force(self, operator, ann):
        changed = POLICY.replace("0.9", "0.95")
        problem(ann.send("PUT", "policies/Physics.txt", {"text": changed}), 403, "denied")
        made = operator.send("PUT", "policies/Physics.txt", {"text": changed, "based_on": 1, "comment": "fuller"})
        assert made.status_code == 201, made.content
        assert made.json()["number"] == 2
        assert operator.get("policies/Physics.txt").json()["text"] == changed
        problem(operator.send("PUT", "policies/Physics.txt", {"text": POLICY, "based_on": 1}), 409, "conflict")
        again = operator.post("policies/Physics.txt/versions/1/restore").json()
        assert (again["number"], again["text"]) == (3, POLICY)

    def test_what_is_put_in_force_is_in_the_audit_log_once(self, operator):
        for _ in range(2):
            operator.send("PUT", "policies/Physics.txt", {"text": POLICY.replace("0.9", "0.95"), "comment": "fuller"})
        noted = AuditRecord.objects.get(action="policy.save")
        assert (noted.user, noted.target, noted.before["version"], noted.after["version"]) == (
            "olga",
            "Physics.txt",
            1,
            2,
        )
        assert noted.after["comment"] == "fuller"

    def test_a_text_with_mistakes_is_not_put_in_force(self, operator):
        told = problem(
            operator.send("PUT", "policies/Physics.txt", {"text": "Partition Physics\nDismis\n"}), 400, "refused"
        )
        assert any("line" in field for field in fields_of(told))
        problem(operator.send("PUT", "policies/.hidden", {"text": POLICY}), 400, "refused")
        problem(operator.get("policies/None.txt"), 404, "not-found")


class TestLocks:
    WISH = {"item": BIG, "sites": "T2_*", "expires": "2035-01-31T12:00:00Z"}

    def test_a_lock_is_set_shown_and_released_by_its_owner(self, ann, bob):
        number = ann.post("locks", self.WISH).json()["id"]
        problem(bob.post(f"locks/{number}/release"), 403, "denied")
        assert ann.post(f"locks/{number}/release").json()["unlocked"] is not None
        assert ann.post(f"locks/{number}/release").status_code == 200

    def test_all_locks_of_a_user_are_set_at_once(self, ann):
        first = ann.post("locks", {**self.WISH, "item": "/Old/*/RAW"}).json()["id"]
        answer = ann.send("PUT", "locks", {"locks": [self.WISH, {**self.WISH, "item": "/Other/*/AOD"}]})
        assert [row["item"] for row in answer.json()["results"]] == [BIG, "/Other/*/AOD"]
        assert ann.get(f"locks/{first}").json()["unlocked"] is not None

    @pytest.mark.parametrize(
        ("body", "field"),
        [({"expires": "soon"}, "expires"), ({"expires": 5}, "expires"), ({"id": 7}, "id"), ({"item": ""}, "item")],
    )
    def test_what_is_wrong_is_named(self, ann, body, field):
        assert field in fields_of(problem(ann.post("locks", {**self.WISH, **body}), 400, "invalid"))


class TestApplicationLocks:
    def test_operators_stop_applications_and_take_that_back(self, operator, ann):
        problem(ann.post("application-locks", {"application": "detox"}), 403, "denied")
        made = operator.post("application-locks", {"application": "detox", "note": "disks"})
        assert made.status_code == 201
        assert applock.held("detox").user == "olga"
        assert operator.send("DELETE", f"application-locks/{made.json()['id']}").status_code == 204
        assert applock.held("detox") is None

    def test_one_with_an_end_is_given_back_by_itself(self, operator):
        values = {"application": "detox", "expires": "2099-01-31T12:00:00Z"}
        assert operator.post("application-locks", values).json()["expires"] == "2099-01-31T12:00:00Z"
        assert operator.get("application-locks").json()["results"][0]["expires"] == "2099-01-31T12:00:00Z"
        past = operator.post("application-locks", {"application": "detox", "expires": "2001-01-31T12:00:00Z"})
        assert past.status_code == 400

    def test_locks_of_others_are_an_admins_to_take_back(self, operator):
        problem(operator.send("DELETE", "application-locks/1"), 403, "denied")


class TestRuns:
    def test_operators_end_runs(self, operator, ann, redis_url):
        Run.objects.filter(pk=1).update(state="run", job=None)
        problem(ann.post("runs/1/kill"), 403, "denied")
        assert operator.post("runs/1/kill").json() == {"ending": True}
        assert Run.objects.get(pk=1).killed_by == "olga"
        Run.objects.filter(pk=1).update(state="done")
        assert operator.post("runs/1/kill").json() == {"ending": False}


class TestOneself:
    def test_callers_learn_who_they_are(self, operator, nobody):
        told = operator.get("whoami").json()
        assert told["user"] == "olga"
        assert "detox:operator" in told["rights"]
        problem(nobody.get("whoami"), 401, "not-authenticated")

    def test_a_token_is_shown_once_works_and_is_revoked(self, ann, bob, nobody):
        made = ann.post("tokens", {"service": "script", "days": 1}).json()
        nobody.headers = {"authorization": f"Bearer {made['secret']}"}
        assert nobody.get("whoami").json()["service"] == "script"
        assert "secret" not in ann.get(f"tokens/{made['id']}").json()
        problem(bob.get(f"tokens/{made['id']}"), 404, "not-found")
        problem(bob.send("DELETE", f"tokens/{made['id']}"), 404, "not-found")
        assert ann.send("DELETE", f"tokens/{made['id']}").status_code == 204
        problem(nobody.get("whoami"), 401, "not-authenticated")

    def test_a_token_with_scopes_makes_none_and_revokes_itself_only(self, ann, nobody):
        mine, other = (ann.post("tokens", {"scopes": ["registry"]}).json() for _ in range(2))
        nobody.headers = {"authorization": f"Bearer {mine['secret']}"}
        problem(nobody.post("tokens", {"scopes": ["registry"]}), 403, "denied")
        problem(nobody.send("DELETE", f"tokens/{other['id']}"), 403, "denied")
        assert nobody.send("DELETE", f"tokens/{mine['id']}").status_code == 204
        assert ApiToken.objects.filter(revoked=None, scopes=["registry"]).get().pk == other["id"]

    @pytest.mark.parametrize("days", [None, 90, 0.5])
    def test_no_token_outlives_the_one_it_is_made_with(self, ann, nobody, days):
        parent = ann.post("tokens", {"days": 1}).json()
        nobody.headers = {"authorization": f"Bearer {parent['secret']}"}
        made = nobody.post("tokens", {"days": days})
        assert made.status_code == 201
        ends = ApiToken.objects.in_bulk([parent["id"], made.json()["id"]])
        longer = ends[made.json()["id"]].expires - ends[parent["id"]].expires
        assert longer <= timedelta(seconds=1)
        assert (longer < timedelta(hours=-11)) == (days == 0.5)

    def test_a_program_makes_no_token_that_outlives_its_run(self, ann):
        ann.post("tokens", {"service": "x"})
        with run_tokens.issued(7, "ann", 60, acts=True) as secret:
            ann.headers = {"authorization": f"Bearer {secret}"}
            problem(ann.post("tokens", {"scopes": []}), 403, "denied")
            number = ann.user.api_tokens.filter(service="x").get().pk
            problem(ann.send("DELETE", f"tokens/{number}"), 403, "denied")
        assert not ann.user.api_tokens.exclude(revoked=None).exists()

    def test_a_secret_is_not_kept_with_the_answer_for_a_key(self, ann):
        first, second = (ann.post("tokens", {}, idempotency_key="k").json() for _ in range(2))
        assert first["secret"]
        assert second == {**first, "secret": ""}
        assert first["secret"].encode() not in bytes(KeptAnswer.objects.get().body)

    def test_nor_is_one_that_a_login_in_the_browser_gave(self, ann):
        begun = ann.post("device/codes", {}, idempotency_key="b").json()
        DeviceLogin.objects.update(user=ann.user)
        asked = {"device_code": begun["device_code"]}
        first, second = (ann.post("device/token", asked, idempotency_key="c").json() for _ in range(2))
        assert first["secret"]
        assert second == {**first, "secret": ""}
        kept = b"".join(bytes(row.body) for row in KeptAnswer.objects.all())
        assert not any(secret.encode() in kept for secret in (first["secret"], begun["device_code"]))

    def test_logins_are_bounded_for_each_address_that_nginx_tells(self, nobody, settings):
        settings.PROXY_ADDRESSES, settings.PROXY_SECRET = ["127.0.0.0/8"], ""
        assert nobody.post("device/codes", {}, x_forwarded_for="192.0.2.7").status_code == 200
        assert DeviceLogin.objects.get().address == "192.0.2.7"

    def test_secrets_are_not_kept(self, ann):
        made = ann.post("tokens", {}).json()
        assert made["secret"] not in str(ApiToken.objects.values())


class TestInjections:
    DOCUMENT = {"dataset": [{"name": "/New/Run-v1/RAW", "status": "valid", "blocks": []}]}

    def test_a_document_is_queued_and_polled(self, operator, ann):
        problem(ann.post("injections", self.DOCUMENT), 403, "denied")
        queued = operator.post("injections", self.DOCUMENT)
        assert queued.status_code == 202, queued.content
        assert operator.client.get(queued["Location"]).json()["state"] == "queued"

    def test_with_wait_it_is_in_the_inventory_when_the_answer_comes(self, operator, redis_url, everything):
        applied = operator.post("injections?wait=true", self.DOCUMENT)
        assert applied.status_code == 201, applied.content
        version = int(applied["Dynamo-Version"])
        assert applied.json()["version"] == version
        assert everything.snapshot().row("datasets", "/New/Run-v1/RAW") is not None

    @pytest.mark.parametrize("path", ["injections", "injections?wait=true", "invalidations"])
    @pytest.mark.parametrize("body", [None, {}, {"dataset": []}])
    def test_a_document_that_names_nothing_is_a_mistake(self, operator, path, body):
        before = Injection.objects.count()
        assert "empty" in problem(operator.post(path, body), 400, "refused")["detail"]
        assert Injection.objects.count() == before

    def test_mistakes_are_told_with_their_places(self, operator):
        document = {"dataset": [{"name": "/New/Run-v1/RAW", "status": "wonderful", "blocks": []}]}
        told = problem(operator.post("injections", document), 400, "refused")
        assert fields_of(told)
        problem(operator.post("injections", [1]), 400, "refused")


def test_the_parts_of_the_installation_are_told(nobody, ann, redis_url):
    parts = {part["name"]: part for part in ann.get("servers").json()}
    assert parts["database"]["ok"] is True
    assert {"redis", "inventory", "worker", "disk"} <= set(parts)
    problem(nobody.get("servers/inventory"), 401, "not-authenticated")
    assert ann.get("servers/inventory").json()["reachable"] is True


class TestPrograms:
    HELLO = {"title": "hello", "content": "cHJpbnQoMSkK", "arguments": ["--deep"]}

    def test_a_program_is_submitted_shown_and_ended_by_its_author(self, nobody, ann, bob, redis_url):
        made = ann.post("applications", self.HELLO)
        assert made.status_code == 201, made.content
        number = made.json()["id"]
        assert made.json()["arguments"] == ["--deep"]
        # What it was given is for its author and operators.
        assert "--deep" not in nobody.get("applications").content.decode()
        problem(nobody.get(f"applications/{number}"), 401, "not-authenticated")
        assert bob.get(f"applications/{number}").json()["arguments"] == []
        assert ann.get(f"applications/{number}").json()["arguments"] == ["--deep"]
        problem(bob.get(f"applications/{number}/log"), 403, "denied")
        assert ann.get(f"applications/{number}/log").json() == {"text": "", "offset": 0, "next": 0, "ended": False}
        problem(bob.post(f"applications/{number}/kill"), 403, "denied")
        assert ann.post(f"applications/{number}/kill").json() == {"changed": True}
        assert ann.get(f"applications/{number}").json()["state"] == "killed"

    def test_what_is_not_authorised_does_not_write(self, ann):
        problem(ann.post("applications", {**self.HELLO, "level": "write"}), 403, "denied")
        problem(ann.post("applications", {"path": "/etc/passwd"}), 400, "refused")
        assert fields_of(problem(ann.post("applications", {"content": "no base64!"}), 400, "invalid")) == ["content"]

    def test_sequences_are_loaded_shown_exported_started_and_stopped(self, operator, ann):
        text = "[SEQUENCE daily]\nWAIT 86400\n"
        problem(ann.post("sequences", {"text": text}), 403, "denied")
        assert operator.post("sequences", {"text": text}).json() == {"names": ["daily"]}
        assert "WAIT 86400" in operator.get("sequences/daily/file").json()
        assert operator.post("sequences/daily/start").json() == {"changed": True}
        assert operator.get("sequences/daily").json()["enabled"] is True
        assert operator.post("sequences/daily/stop", {}).json()["phase"] == "stopped"
        problem(operator.get("sequences/none"), 404, "not-found")


def test_what_operators_do_is_in_the_audit_log(operator):
    operator.post("held/release", {"sites": ["T2_B"]})
    operator.post("policies/Physics.txt/versions/1/restore")
    operator.post("application-locks", {"application": "detox"})
    found = list(AuditRecord.objects.filter(user="olga").values_list("action", flat=True))
    assert {"fileops.release", "policy.restore"} <= set(found)
    assert "application.lock" in found and not any(action.startswith("application-lock.") for action in found)
    assert AuditRecord.objects.filter(action="fileops.release").get().method == "token"


CHANGES = [
    ("application.lock", "POST", "application-locks", {"application": "detox"}, lambda: applock.held("detox")),
    ("application.unlock", "DELETE", "application-locks/{lock}", None,
     lambda: AuditRecord.objects.filter(action="application.unlock").first()),
    ("run.kill", "POST", "runs/1/kill", None, lambda: Run.objects.get(pk=1).killed_by),
    ("policy.save", "PUT", "policies/Physics.txt", {"text": POLICY.replace("0.9", "0.95")},
     lambda: versions.newest("Physics.txt").number - 1),
    ("token.revoke", "DELETE", "tokens/{token}", None, lambda: ApiToken.objects.exclude(revoked=None).first()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("action", "method", "path", "body", "changed"), CHANGES, ids=[change[0] for change in CHANGES]
)
def test_nothing_is_changed_that_is_not_in_the_audit_log(
    operator, redis_url, monkeypatch, action, method, path, body, changed
):
    """Nor the other way round."""
    Run.objects.filter(pk=1).update(state="run", job=None)
    numbers = {"token": tokens.create(operator.user)[0].pk, "lock": 0}
    if "{lock}" in path:
        numbers["lock"] = operator.post("application-locks", {"application": "dealer"}).json()["id"]
    record = audit.record_many

    def full(who, noted, changes):
        if noted == action:
            raise OSError("no space left")
        record(who, noted, changes)

    monkeypatch.setattr(audit, "record_many", full)
    with pytest.raises(OSError, match="no space"):
        operator.send(method, path.format(**numbers), body)
    assert not changed()
