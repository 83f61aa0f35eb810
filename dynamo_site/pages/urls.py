"""Addresses of the pages. Those that only show are for everybody; who may use the others stands with them."""

from django.urls import path

from dynamo_site.pages import (
    account,
    asking,
    compare,
    confirm,
    dealer,
    deciding,
    detox,
    device,
    files,
    front,
    inventory,
    lines,
    lists,
    locking,
    operating,
    people,
    policies,
    policy_edit,
    programs,
    quotas,
    search,
    sources,
    statistics,
    stopping,
    why,
)
from registry.access import KNOWN, NOBODY, PUBLIC, Access, declared

urlpatterns = [
    *declared(Access(PUBLIC), [
        path("", front.front, name="front"),
        path("overview/", front.live, name="overview-live"),
        path("search/", search.search, name="search"),
        path("datasets/", inventory.datasets, name="datasets"),
        path("dataset/", inventory.dataset, name="dataset"),
        path("dataset/now/", inventory.dataset_now, name="dataset-now"),
        path("dataset/decisions/", inventory.dataset_decisions, name="dataset-decisions"),
        path("changes/", inventory.changes, name="changes"),
        path("sites/", inventory.sites, name="sites"),
        path("site/", inventory.site, name="site"),
        path("groups/", inventory.groups, name="groups"),
        path("group/", inventory.group, name="group"),
        path("detox/", detox.newest, name="detox"),
        path("detox/compare/<int:number>/", compare.answer, name="detox-comparison"),
        path("detox/lines/", lines.show, name="detox-lines"),
        path("detox/<int:number>/", detox.cycle, name="detox-cycle"),
        path("detox/<int:number>/site/<str:name>/", detox.site, name="detox-site"),
        path("detox/<int:number>/why/", why.why, name="detox-why"),
        path("detox/<int:number>/policy/", detox.policy, name="detox-policy"),
        path("dealer/", dealer.newest, name="dealer"),
        path("dealer/rules/", dealer.rules, name="dealer-rules"),
        path("dealer/<int:number>/", dealer.cycle, name="dealer-cycle"),
        path("policies/", policies.policies, name="policies"),
        path("policies/words/", policy_edit.words, name="policy-words"),
        path("policies/of/<str:name>/", policies.policy, name="policy"),
        path("policies/of/<str:name>/changes/", policies.changes, name="policy-changes"),
        path("requests/", lists.requests, name="requests"),
        path("requests/<int:number>/", lists.request_detail, name="request"),
        path("locks/", lists.locks, name="locks"),
        path("files/", files.files, name="files"),
        path("activity/", files.activity, name="activity"),
        path("consistency/", lists.checks, name="checks"),
        path("consistency/<int:number>/", lists.check_detail, name="check"),
        path("consistency/<int:number>/<str:name>/", lists.check_list, name="check-list"),
        path("runs/", lists.runs, name="runs"),
        path("runs/<int:number>/", lists.run_detail, name="run"),
        path("sequences/file/", programs.sequence_file, name="sequence-file"),
        path("sources/", sources.sources, name="sources"),
        path("statistics/", statistics.show, name="statistics"),
    ]),
    *declared(Access(("admin", "registry"), ("admin", "registry"), note="granting: admin on the target, too"), [
        path("users/", people.users, name="users"),
        path("users/<int:number>/", people.user, name="user"),
        path("audit/", people.log, name="audit"),
    ]),
    *declared(Access(PUBLIC, KNOWN, target="application", note="writing: programs that are authorised"), [
        path("applications/", programs.programs, name="applications"),
    ]),
    *declared(Access(KNOWN), [
        path("applications/<int:number>/", programs.program, name="application"),
        path("applications/<int:number>/log/", programs.log, name="application-log"),
    ]),
    *declared(Access(NOBODY, KNOWN, target="application", note="the author, or an operator on application"), [
        path("applications/<int:number>/kill/", programs.kill, name="application-kill"),
    ]),
    *declared(Access(NOBODY, ("operator", "fileops"), within=True), [
        path("files/release/", operating.release_held, name="files-release"),
    ]),
    *declared(Access(NOBODY, ("operator", "application")), [
        path("runs/<int:number>/end/", operating.end, name="run-end"),
    ]),
    *declared(Access(PUBLIC, ("operator", "application")), [
        path("sequences/", programs.sequence_list, name="sequences"),
        path("application-locks/", stopping.stops, name="application-locks"),
    ]),
    *declared(Access(NOBODY, ("operator", "application"), note="another's lock: admin on application"), [
        path("application-locks/give-back/", stopping.give_back, name="application-locks-give-back"),
    ]),
    *declared(Access(NOBODY, ("operator", "application")), [
        path("sequences/control/", programs.control, name="sequence-control"),
    ]),
    *declared(Access(KNOWN, KNOWN), [
        path("requests/copy/", asking.copies, name="ask-copy"),
        path("requests/deletion/", asking.deletion, name="ask-deletion"),
        path("locks/new/", locking.make, name="lock"),
        path("account/", account.account, name="account"),
        path("device/", device.device, name="device"),
    ]),
    *declared(Access(NOBODY, KNOWN), [
        path("requests/<int:number>/decide/", deciding.decide, name="request-decide"),
        path("locks/release/", locking.release, name="locks-release"),
        path("account/tokens/<int:number>/revoke/", account.revoke, name="token-revoke"),
    ]),
    *declared(Access(("operator", "policy"), ("operator", "policy")), [
        path("policies/new/", policy_edit.edit, name="policy-new"),
        path("policies/check/", policy_edit.check, name="policy-check"),
        path("policies/of/<str:name>/edit/", policy_edit.edit, name="policy-edit"),
        path("policies/of/<str:name>/restore/", policies.restore, name="policy-restore"),
    ]),
    *declared(Access(PUBLIC, ("operator", "inventory")), [
        path("quotas/", quotas.quotas, name="quotas"),
    ]),
    *declared(Access(NOBODY, ("operator", "detox")), [
        path("detox/<int:number>/confirm/", confirm.confirm, name="detox-confirm"),
    ]),
    *declared(Access(PUBLIC, ("operator", "detox")), [
        path("detox/compare/", compare.form, name="detox-compare"),
    ]),
]  # fmt: skip
