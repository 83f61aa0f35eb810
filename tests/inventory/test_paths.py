"""LFNs become physical names by a site's rules, and never leave the site's root."""

from __future__ import annotations

import posixpath
import unicodedata
from urllib.parse import unquote

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.paths import PathError, lfn_mistakes, pfn, pfns, site_pfn, site_pfns
from inventory.schema import MAX_LFN, TABLES
from inventory.snapshot import Snapshot

BACKEND = "root://host:1094//store-root"


def rules(*rows: tuple[str, str | None, str, str]) -> pl.DataFrame:
    """Rules of site 1 in order: protocol, chain, pattern, template."""
    full = [(1, protocol, position, chain, pattern, to) for position, (protocol, chain, pattern, to) in enumerate(rows)]
    return pl.DataFrame(full, TABLES["path_rules"].schema, orient="row")


def site(backend: str = BACKEND) -> dict[str, object]:
    return {"site_id": 1, "name": "T2_X", "backend": backend}


def mapped(lfn: str, *rows: tuple[str, str | None, str, str], protocol: str = "root") -> str:
    return pfn(rules(*rows), site(), lfn, protocol)


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("root://host:1094//store-root", "root://host:1094//store-root/store/a.root"),
        ("root://host:1094//store-root/", "root://host:1094//store-root/store/a.root"),
        ("root://127.0.0.1:1094/", "root://127.0.0.1:1094//store/a.root"),
        ("davs://host:443/dynamo/", "davs://host:443/dynamo/store/a.root"),
        ("davs://host", "davs://host/store/a.root"),
        ("file:///data/site", "file:///data/site/store/a.root"),
        ("/data/site/", "/data/site/store/a.root"),
    ],
)
def test_plain_prefix(backend, expected):
    assert pfn(rules(), site(backend), "/store/a.root", "root") == expected


@pytest.mark.parametrize("backend", ["", "host/path", "root:/x", "{0}", "/data?x="])
def test_backend_that_is_no_place(backend):
    with pytest.raises(PathError, match="T2_X"):
        pfn(rules(), site(backend), "/store/a.root", "root")


def test_first_matching_rule_wins():
    chosen = (
        ("root", None, r"/store/mc/(.*)", "root://a//mc/{0}"),
        ("root", None, r"/store/(.*)", "root://b//all/{0}"),
        ("root", None, r"/(.*)", "root://c//rest/{0}"),
        ("srm", None, r"/(.*)", "srm://d/never/{0}"),
    )
    assert mapped("/store/mc/x", *chosen) == "root://a//mc/x"
    assert mapped("/store/data/x", *chosen) == "root://b//all/data/x"
    assert mapped("/user/x", *chosen) == "root://c//rest/user/x"


def test_order_is_by_position_not_by_row():
    frame = rules(("root", None, "/(.*)", "/first/{0}"), ("root", None, "/(.*)", "/second/{0}")).reverse()
    assert pfn(frame, site(), "/x", "root") == "/first/x"


def test_captures_in_any_order_and_chains():
    chained = (
        ("direct", None, r"/store/([^/]+)/(.*)", "/pnfs/{1}/of/{0}"),
        ("srm", "direct", r"/pnfs/(.*)", "srm://host:8443/srm/v2?SFN=/pnfs/{0}"),
    )
    assert mapped("/store/mc/a/b", *chained, protocol="direct") == "/pnfs/a/b/of/mc"
    assert mapped("/store/mc/a/b", *chained, protocol="srm") == "srm://host:8443/srm/v2?SFN=/pnfs/a/b/of/mc"


def test_pattern_only_python_understands():
    assert mapped("/store/a", ("root", None, r"/store/(?!b)(.*)", "/x/{0}")) == "/x/a"
    with pytest.raises(PathError, match="no rule matches"):
        mapped("/store/b", ("root", None, r"/store/(?!b)(.*)", "/x/{0}"))


def test_dollar_in_template_is_plain_text():
    assert mapped("/store/a", ("root", None, "/store/(.*)", "/x$1/{0}$")) == "/x$1/a$"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("root", None, "/(store", "/x/{0}")], "not a regular expression"),
        ([("root", None, "/(.*)", "/x/{1}")], "more captures"),
        ([("root", None, "/(.*)", "{0}")], "fixed place"),
        ([("root", None, "/([^/]*)/(.*)", "root://{0}/{1}")], "fixed place"),
        ([("root", "root", "/(.*)", "/x/{0}")], "circle: root → root"),
        ([("root", "srm", "/(.*)", "/x/{0}"), ("srm", "root", "/(.*)", "/x/{0}")], "circle: root → srm → root"),
        ([("root", "none", "/(.*)", "/x/{0}")], "no rule matches"),
        ([("root", None, "/store", "/x")], "no rule matches"),
    ],
)
def test_rules_that_cannot_be_used(rows, message):
    with pytest.raises(PathError, match=message):
        mapped("/store/a", *rows)


@pytest.mark.parametrize(
    "lfn",
    [
        "", "store/a", "/", "/store/", "//store/a", "/store//a", "/store/../a", "/..", "/store/..", "/./a", "/store/.",
        "/store/%2e%2e/a", "/store/%2E./a", "/store/a%2fb", "/store/%00", "/store\\..\\a", "/store/a\0", "/store/a\n",
        "/store/\x7f", "/store/\x85", "/store/\u202e/a", "/store/\u2024\u2024/a", "/store/\uff0e\uff0e/a", "/store/\u2025/a",
        "/store/..\uff0fa", "/store/\u200b../a", "/a" * MAX_LFN, "/store/\u2028", "../a",
    ],
)  # fmt: skip
def test_lfns_that_lead_out_or_hide_something(lfn):
    for row in (site(), site("file:///data/x")):
        with pytest.raises(PathError, match="T2_X"):
            pfn(rules(), row, lfn, "root")
    with pytest.raises(PathError):
        mapped(lfn, ("root", None, "(.*)", "/x{0}"))


@pytest.mark.parametrize(
    ("lfn", "pattern", "template"),
    [
        ("/store/.b./etc", "/store/(.*)b(.*)", "/root/{0}{1}"),
        ("/store/.x", "/store/(.*)x", "/root/.{0}/y"),
        ("/store/.b./etc", "/store/(.*)b(.*)", "srm://host/srm?SFN={0}{1}"),
        ("/store/%x2e./etc", "/store/(.*)x(.*)", "/root/{0}{1}"),
    ],
)
def test_rules_cannot_put_a_way_out_together(lfn, pattern, template):
    with pytest.raises(PathError, match="leads out"):
        mapped(lfn, ("root", None, pattern, template))


@pytest.mark.parametrize("lfn", ["/store/a?authz=x", "/store/a#b"])
def test_no_query_from_an_lfn(lfn):
    with pytest.raises(PathError, match="would end the path"):
        pfn(rules(), site(), lfn, "root")


def test_mistakes_name_each_lfn():
    with pytest.raises(PathError, match=r"'/a/\.\./b' at T2_X: has a part.*; 'c' at T2_X: is not absolute"):
        pfns(rules(), site(), pl.Series(["/fine", "/a/../b", "c"]), "root")


def test_sites_of_a_snapshot():
    one = {name: [value] for name, value in site().items()} | {
        "host": [""],
        "storage_type": ["DISK"],
        "status": ["READY"],
    }
    sites = pl.DataFrame(one, schema_overrides=TABLES["sites"].schema)
    path_rules = rules(("http", None, "/(.*)", "http://h/x/{0}"))
    snapshot = Snapshot.from_frames({"sites": sites, "path_rules": path_rules})
    assert site_pfn(snapshot, "T2_X", "/a/b") == f"{BACKEND}/a/b"
    assert site_pfns(snapshot, "T2_X", pl.Series(["/a", "/b"]), "http").to_list() == ["http://h/x/a", "http://h/x/b"]
    with pytest.raises(PathError, match="no site 'T2_Y'"):
        site_pfn(snapshot, "T2_Y", "/a/b")


def test_no_lfns():
    assert pfns(rules(), site(), pl.Series([], dtype=pl.String), "root").is_empty()
    assert pfns(rules(("root", None, "/(.*)", "/x/{0}")), site(), pl.Series([], dtype=pl.String), "root").is_empty()


PIECES = st.sampled_from(
    ["/", ".", "..", "a", "store", "%2e", "%2F", "\\", "\uff0e", "\u2024", "\0", "\n", "b", "~", " ", "?"]
)
WRITTEN = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)
TEMPLATES = st.sampled_from(
    ["/root/{0}{1}", "/root/.{0}/{1}", "/root/{1}.{0}", "/root/{0}.", "root://h//root/{0}{1}", "/root/%2{0}"]
)
PATTERNS = st.sampled_from(["/(.*)b(.*)", "(.*)/(.*)", "/(.*?)/(.*)", "(.)(.*)", "/store(.*)(..)"])


def inside(found: str, root: str) -> bool:
    """Plain judgement: however the name is decoded or normalised, it stays below the root."""
    for written in (found, unquote(found), unicodedata.normalize("NFKC", found), found.replace("\\", "/")):
        path = posixpath.normpath(written.removeprefix("root://h/"))
        if not (path + "/").replace("//", "/").startswith(root) or "\0" in written or "\n" in written:
            return False
    return True


@settings(deadline=None, max_examples=60)
@given(st.text().map("/".__add__) | WRITTEN | WRITTEN.map("/".__add__))
def test_whatever_is_written_stays_below_the_backend(lfn):
    try:
        found = pfn(rules(), site("/data/site"), lfn, "root")
    except (PathError, UnicodeEncodeError):
        return
    assert inside(found, "/data/site/")
    assert found == f"/data/site{lfn}"


@settings(deadline=None, max_examples=60)
@given(WRITTEN.map("/".__add__), PATTERNS, TEMPLATES)
def test_whatever_is_written_stays_below_the_rules_root(lfn, pattern, template):
    try:
        found = mapped(lfn, ("root", None, pattern, template))
    except PathError:
        return
    assert inside(found, "/root/")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.from_regex(r"\A[A-Za-z0-9_+=~-][A-Za-z0-9_.+=~-]{0,20}\Z"), min_size=1, max_size=8))
def test_ordinary_names_always_pass(parts):
    lfn = "/" + "/".join(parts)
    assert lfn_mistakes(pl.Series([lfn])).to_list() == [None]
    assert pfn(rules(), site(), lfn, "root") == BACKEND + lfn
