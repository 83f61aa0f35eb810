"""Reading the list of protected LFNs."""

from __future__ import annotations

import pytest

from consistency.protected import ProtectedListError, fetch


@pytest.mark.parametrize(
    "text",
    ["/store/unmerged/a\n# comment\n\n/store/unmerged/b/\n", '["/store/unmerged/a", "/store/unmerged/b"]',
     '{"protected": ["/store/unmerged/b", "/store/unmerged/a"]}'],
)  # fmt: skip
def test_list_is_read_from_lines_or_json(tmp_path, text):
    source = tmp_path / "list"
    source.write_text(text)
    assert fetch(str(source)) == {"/store/unmerged/a", "/store/unmerged/b"}


def test_no_source_is_no_list():
    assert fetch("") == frozenset()


@pytest.mark.parametrize(
    "text", ["", "\n", "[]", "[1]", "{", "[" * 100_000, '{"other": []}', "store/relative", "\x00\xff"]
)
def test_list_that_cannot_be_trusted_is_refused(tmp_path, text):
    source = tmp_path / "list"
    source.write_text(text)
    with pytest.raises(ProtectedListError):
        fetch(str(source))


def test_binary_or_absent_file_is_refused(tmp_path):
    source = tmp_path / "list"
    with pytest.raises(ProtectedListError, match="cannot be read"):
        fetch(str(source))
    source.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProtectedListError, match="cannot be read"):
        fetch(str(source))


def test_list_is_read_from_a_web_server(nginx):
    server = nginx("location /gone { return 500; }")
    (server.root / "list").write_text("/store/unmerged/a\n")
    assert fetch(f"{server.url}/list") == {"/store/unmerged/a"}
    with pytest.raises(ProtectedListError, match="500"):
        fetch(f"{server.url}/gone")
