"""Distinguished names in both forms, and whose proxies' names are."""

from __future__ import annotations

import pytest

from registry.identity.names import NameWrong, normal, owners


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("CN=Ann,DC=example,DC=org", "/DC=org/DC=example/CN=Ann"),
        ("/DC=org/DC=example/CN=Ann", "/DC=org/DC=example/CN=Ann"),
        (r"CN=M\C3\BCller\, Ann,O=Example \+ Co", "/O=Example + Co/CN=Müller, Ann"),
        (r"/O=Example/CN=M\xC3\xBCller", "/O=Example/CN=Müller"),
        ("/DC=org/CN=host/se.example.org", "/DC=org/CN=host/se.example.org"),
        ("/DC=org/Email=ann@example.org", "/DC=org/emailAddress=ann@example.org"),
        ("emailAddress=ann@example.org,dc=org", "/DC=org/emailAddress=ann@example.org"),
        ("1.2.3.4=x, CN=Ann", "/CN=Ann/1.2.3.4=x"),
        (r"CN=A\\C3\\BC,O=Example", r"/O=Example/CN=A\C3\BC"),
    ],
)
def test_both_forms_are_kept_as_one(given: str, kept: str) -> None:
    assert normal(given) == kept
    assert normal(kept) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "/",
        "Ann",
        "CN=",
        "/CN=An\nn",
        "x" * 2000,
        "CN=Ann+UID=7,DC=org",
        "CN=Eve/CN=Ann,DC=org",
        r"CN=\FF\FE",
        r"CN=\\x41nn",
        r"/CN=\x5Cx41nn",
        r"CN=Ann\ ,DC=org",
        "CN=Ann\\",
        "DC=org,,CN=Ann",
        "/CN=" + "a" * 600,
    ],
)
def test_what_cannot_be_told_apart_is_refused(given: str) -> None:
    with pytest.raises(NameWrong):
        normal(given)


def test_proxies_of_proxies_end_at_the_user() -> None:
    assert owners("/DC=org/CN=Ann/CN=12/CN=345/CN=limited proxy") == [
        "/DC=org/CN=Ann/CN=12/CN=345/CN=limited proxy", "/DC=org/CN=Ann/CN=12/CN=345", "/DC=org/CN=Ann/CN=12", "/DC=org/CN=Ann",
    ]  # fmt: skip
    assert owners("/CN=12") == ["/CN=12"]
    assert owners("/CN=Ann/CN=Robot 7") == ["/CN=Ann/CN=Robot 7"]
