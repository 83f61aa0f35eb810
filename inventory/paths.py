"""From an LFN to the physical name (PFN) at a site; no LFN, however it is written, leads out of the site's root.

A site has ordered rules by protocol: the first whose pattern matches the whole LFN gives the PFN, ``{0}`` being the first
capture. A rule with ``chain`` gets what the chain's protocol makes of the LFN. Without rules: backend + LFN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from inventory.errors import InventoryError
from inventory.schema import MAX_LFN
from inventory.snapshot import Snapshot

MAX_PFN = 4096

_SHOWN = 10
_CAPTURE = re.compile(r"\{(\d{1,2})\}")
_PLACE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://[^/{}]*/|/)")
_KEEP_SLASH = re.compile(r"x?roots?://[^/]+/+")
# Characters that look or normalise like a dot, a slash or a backslash, that do not show, or that turn the text around.
_TRICKS = r"[\p{C}\p{Zl}\p{Zp}\x{2024}-\x{2026}\x{2044}\x{2215}\x{2216}\x{29F5}\x{29F8}\x{29F9}\x{FE52}\x{FE68}\x{FF0E}\x{FF0F}\x{FF3C}\x{FE19}\x{FE30}]"
_DOTS = r"(?i)(?:^|/)(?:\.|%2e){1,2}(?:/|$)"


class PathError(InventoryError):
    """An LFN cannot be mapped at a site; the text says which and why."""


def lfn_mistakes(lfns: pl.Series) -> pl.Series:
    """What is wrong with each LFN; null where nothing is."""
    lfn = pl.col("lfn")
    rules = {
        "is not absolute": ~lfn.str.starts_with("/"),
        f"is longer than {MAX_LFN} characters": lfn.str.len_chars() > MAX_LFN,
        "has control, invisible or look-alike characters": lfn.str.contains(_TRICKS),
        "has an empty part": lfn.str.contains("//", literal=True) | lfn.str.ends_with("/"),
        "has a part '.' or '..'": lfn.str.contains(_DOTS),
        "has a backslash": lfn.str.contains("\\", literal=True),
        "has percent-encoded characters": lfn.str.contains(r"%[0-9A-Fa-f]{2}"),
        "is missing": lfn.is_null(),
    }
    found = [pl.when(wrong.fill_null(False)).then(pl.lit(what)) for what, wrong in rules.items()]
    return pl.DataFrame({"lfn": lfns.cast(pl.String)}).select(pl.coalesce(found).alias("mistake"))["mistake"]


def pfn(rules: pl.DataFrame, site: Mapping[str, Any], lfn: str, protocol: str) -> str:
    """The physical name of one file; see :func:`pfns`."""
    return str(pfns(rules, site, pl.Series("lfn", [lfn], pl.String), protocol)[0])


def site_pfn(snapshot: Snapshot, site: str, lfn: str, protocol: str = "") -> str:
    """The physical name of one file at the site of that name; see :func:`pfns`."""
    return str(site_pfns(snapshot, site, pl.Series("lfn", [lfn], pl.String), protocol)[0])


def site_pfns(snapshot: Snapshot, site: str, lfns: pl.Series, protocol: str = "") -> pl.Series:
    """Physical names at the site of that name; see :func:`pfns`."""
    row = snapshot.row("sites", site)
    if row is None:
        raise PathError(f"there is no site {site!r}")
    return pfns(snapshot.frame("path_rules"), row, lfns, protocol)


def pfns(rules: pl.DataFrame, site: Mapping[str, Any], lfns: pl.Series, protocol: str = "") -> pl.Series:
    """Physical names of ``lfns``, in their order.

    ``rules``: rows of the table ``path_rules`` (those of other sites are passed over); ``site``: the site's row with
    ``site_id``, ``name`` and ``backend``. An empty ``protocol``, or one without rules, gives backend + LFN.
    Raises :class:`PathError` if one of them cannot be mapped, or would leave the root.
    """
    name = str(site["name"])
    _refuse(name, lfns, lfn_mistakes(lfns))
    own = rules.filter(pl.col("site_id") == site["site_id"]).sort("protocol", "position")
    if protocol and own.filter(pl.col("protocol") == protocol).height:
        found = _mapped(name, own, lfns, protocol, ())
        unmatched = (
            pl.Series(["no rule matches"]).new_from_index(0, lfns.len()).zip_with(found.is_null(), _nothing(lfns))
        )
        _refuse(name, lfns, unmatched)
    else:
        found = _root(site) + lfns.cast(pl.String)
        _refuse(name, lfns, _escapes(found))
    return found.alias("pfn")


def _nothing(lfns: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, lfns.len())


def _refuse(site: str, lfns: pl.Series, mistakes: pl.Series) -> None:
    wrong = pl.DataFrame({"lfn": lfns.cast(pl.String), "what": mistakes}).drop_nulls("what")
    if wrong.height:
        told = [f"{str(lfn)[:200]!r} at {site}: {what}" for lfn, what in wrong.head(_SHOWN).iter_rows()]
        more = f" … and {wrong.height - _SHOWN} more" if wrong.height > _SHOWN else ""
        raise PathError("; ".join(told) + more)


def _root(site: Mapping[str, Any]) -> str:
    """The backend without a last slash; XRootD needs that of ``root://host/``, for paths there to be absolute."""
    backend = str(site["backend"] or "")
    if not backend:
        raise PathError(f"{site['name']} has no backend, and no rules for the protocol")
    if not _PLACE.match(backend + "/") or _capturing(backend) or "?" in backend or "#" in backend:
        raise PathError(f"{site['name']}: the backend {backend!r} is neither a URL nor an absolute path")
    if _KEEP_SLASH.fullmatch(backend):
        return backend.rstrip("/") + "/"
    return backend.rstrip("/")


def _capturing(text: str) -> bool:
    return _CAPTURE.search(text) is not None


def _mapped(site: str, rules: pl.DataFrame, lfns: pl.Series, protocol: str, above: tuple[str, ...]) -> pl.Series:
    """What the first matching rule of ``protocol`` makes of each LFN; null where none matches."""
    if protocol in above:
        raise PathError(f"{site}: the rules' chains go in a circle: {' → '.join((*above, protocol))}")
    found = _nothing(lfns)
    inputs: dict[str | None, pl.Series] = {None: lfns.cast(pl.String)}
    for rule in rules.filter(pl.col("protocol") == protocol).iter_rows(named=True):
        chain = rule["chain"]
        if chain not in inputs:
            inputs[chain] = _mapped(site, rules, lfns, chain, (*above, protocol))
        waiting = inputs[chain].zip_with(found.is_null(), _nothing(lfns))
        found = found.zip_with(found.is_not_null(), _applied(site, rule, waiting))
        if not found.null_count():
            break
    return found


def _applied(site: str, rule: Mapping[str, Any], inputs: pl.Series) -> pl.Series:
    """The rule's results, null where it does not match; refused where they leave the root that the template begins with."""
    pattern, template = str(rule["lfn_pattern"]), str(rule["pfn_template"])
    root = _CAPTURE.split(template, maxsplit=1)[0]
    if not _PLACE.match(root):
        raise PathError(f"{site}: the template {template!r} does not begin with a fixed place (scheme://host/ or /)")
    results = _replaced(site, pattern, template, inputs)
    below = results.str.slice(len(root))
    loose = below.str.contains(r"(?i)^(?:\.|%2e){1,2}(?:/|$)") | ~results.str.starts_with(root)
    wrong = pl.Series(["leads out of the site's root"]).new_from_index(0, inputs.len())
    _refuse(site, inputs, wrong.zip_with(loose.fill_null(False), _escapes(results, root)))
    return results


def _replaced(site: str, pattern: str, template: str, inputs: pl.Series) -> pl.Series:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise PathError(f"{site}: {pattern!r} is not a regular expression: {error}") from error
    captures = [int(number) for number in _CAPTURE.findall(template)]
    if captures and max(captures) >= compiled.groups:
        raise PathError(f"{site}: {template!r} needs more captures than {pattern!r} has ({compiled.groups})")
    whole = rf"\A(?:{pattern})\z"
    try:
        matched = inputs.str.contains(whole)
    except pl.exceptions.ComputeError:  # look-around and the like, which only Python's engine knows
        return pl.Series([_by_python(compiled, template, text) for text in inputs], dtype=pl.String)
    value = _CAPTURE.sub(lambda found: f"${{{int(found[1]) + 1}}}", template.replace("$", "$$"))
    return inputs.str.replace(whole, value).zip_with(matched.fill_null(False), _nothing(inputs))


def _by_python(pattern: re.Pattern[str], template: str, text: str | None) -> str | None:
    match = None if text is None else pattern.fullmatch(text)
    if match is None:
        return None
    return _CAPTURE.sub(lambda found: match[int(found[1]) + 1] or "", template)


def _escapes(results: pl.Series, root: str = "") -> pl.Series:
    """What is wrong with each result; null where nothing is. ``root``: fixed beginning, which may have a query."""
    result = pl.col("pfn")
    path = result.str.replace(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*", "")
    below = result.str.slice(len(root)) if root else result
    rules = {
        "leads out of the site's root": path.str.contains(_DOTS),
        f"has a physical name of more than {MAX_PFN} characters": result.str.len_chars() > MAX_PFN,
        "has '?' or '#', which would end the path in a URL": result.str.contains("://", literal=True) & below.str.contains("[?#]"),
    }  # fmt: skip
    found = [pl.when(wrong.fill_null(False)).then(pl.lit(what)) for what, wrong in rules.items()]
    return pl.DataFrame({"pfn": results}).select(pl.coalesce(found).alias("mistake"))["mistake"]
