"""Where the server is, and as whom: options, environment, file; tokens, certificates and proxies."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dynamo_client import CannotConnect, Dynamo, Misconfigured
from dynamo_client.configuration import Configuration
from dynamo_client.credentials import bearer_token, forget_token, store_token
from tests.client.conftest import Answer

slow = pytest.mark.slow
FILE = """
url = "https://file.example.org/"
patience = 5

[profiles.test]
url = "https://test.example.org"
token_file = "{place}/test_token"
"""


def test_options_come_before_environment_before_file(configuration, monkeypatch) -> None:
    assert Configuration.read() == Configuration()
    (configuration / "config.toml").write_text(FILE.format(place=configuration))
    assert (Configuration.read().url, Configuration.read().patience) == ("https://file.example.org", 5.0)
    monkeypatch.setenv("DYNAMO_URL", "https://environment.example.org")
    monkeypatch.setenv("DYNAMO_PATIENCE", "7")
    found = Configuration.read(timeout=3)
    assert (found.url, found.patience, found.timeout) == ("https://environment.example.org", 7.0, 3.0)
    assert Configuration.read("https://option.example.org").url == "https://option.example.org"


def test_a_profile_is_chosen(configuration, monkeypatch) -> None:
    (configuration / "config.toml").write_text(FILE.format(place=configuration))
    (configuration / "test_token").write_text("dynamo_test\n")
    found = Configuration.read(profile="test")
    assert (found.url, bearer_token(found), found.patience) == ("https://test.example.org", "dynamo_test", 5.0)
    monkeypatch.setenv("DYNAMO_PROFILE", "test")
    assert Configuration.read().url == "https://test.example.org"
    with pytest.raises(Misconfigured, match=r"no \[profiles.other\]"):
        Configuration.read(profile="other")


def test_an_address_without_a_scheme_is_told(monkeypatch) -> None:
    monkeypatch.setenv("DYNAMO_URL", "dynamo.example.org:8000")
    with pytest.raises(Misconfigured, match="begins neither with https"):
        Configuration.read()


def test_the_file_can_be_elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DYNAMO_CONFIG", str(tmp_path / "own.toml"))
    with pytest.raises(Misconfigured, match="no such file"):
        Configuration.read()
    (tmp_path / "own.toml").write_text('url = "https://own.example.org"')
    assert Configuration.read().url == "https://own.example.org"


@pytest.mark.parametrize(("content", "said"), [
    ("url = ", "config.toml"), ("colour = 'red'", "unknown: colour; known are"), ("url = 5", "url: has to be text"),
    ("patience = 'long'", "patience: has to be a number"), ("timeout = -1", "timeout: has to be a number"),
    ("timeout = true", "timeout: has to be a number"), ("timeout = inf", "timeout: has to be a number"),
])  # fmt: skip
def test_a_wrong_file_is_told(configuration, command, content: str, said: str) -> None:
    (configuration / "config.toml").write_text(content)
    with pytest.raises(Misconfigured, match=said):
        Configuration.read()
    code, _, err = command("whoami")
    assert (code, said in err, "config.toml" in err) == (2, True, True)


def test_the_token_that_is_nearest_counts(configuration, monkeypatch, tmp_path) -> None:
    assert bearer_token(Configuration.read()) == ""
    (configuration / "token").write_text("dynamo_kept\n")
    assert bearer_token(Configuration.read()) == "dynamo_kept"
    monkeypatch.setenv("BEARER_TOKEN", "grid")
    assert bearer_token(Configuration.read()) == "grid"
    monkeypatch.setenv("DYNAMO_TOKEN", "dynamo_environment")
    assert bearer_token(Configuration.read()) == "dynamo_environment"
    own = tmp_path / "own"
    own.write_text("dynamo_own")
    assert bearer_token(Configuration.read(token_file=str(own))) == "dynamo_own"
    assert bearer_token(Configuration.read(token="")) == ""
    with pytest.raises(Misconfigured, match="should hold the token"):
        bearer_token(Configuration.read(token_file=str(tmp_path / "none")))
    with pytest.raises(TypeError, match="colour"):
        Configuration.read(colour="red")


def test_a_token_is_kept_where_only_its_owner_reads_it(configuration) -> None:
    known = Configuration.read()
    place = store_token(known, "dynamo_one")
    store_token(known, "dynamo_two")
    assert (place.read_text(), stat.S_IMODE(place.stat().st_mode)) == ("dynamo_two\n", 0o600)
    assert bearer_token(known) == "dynamo_two"
    assert (forget_token(known), forget_token(known)) == (place, None)


def test_a_token_that_others_can_read_is_told(configuration, command, played) -> None:
    (configuration / "token").write_text("dynamo_kept\n")
    (configuration / "token").chmod(0o644)
    server = played(Answer(200, {"user": "ann"}))
    code, _, err = command("whoami", "--url", server.url)
    assert (code, "others can read your token" in err, "dynamo_kept" in err) == (0, True, False)


def test_a_token_over_a_network_in_the_clear_is_told(command, monkeypatch) -> None:
    monkeypatch.setenv("DYNAMO_TOKEN", "dynamo_secret")
    _, _, err = command("whoami", "--url", "http://host.invalid", "--timeout", "5")
    assert "not encrypted" in err
    _, _, err = command("whoami", "--url", "http://127.0.0.1:1")
    assert "not encrypted" not in err


class _Secure(BaseHTTPRequestHandler):
    """Says whose certificate came."""

    def do_GET(self) -> None:
        peer = self.connection.getpeercert() or {}
        names = [value for part in peer.get("subject", ()) for name, value in part if name == "commonName"]
        body = f'{{"user": "{"/".join(names)}"}}'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Not into the tests' output."""


def _openssl(*arguments: str, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Path:
    """A directory with an authority, a server's certificate for localhost, and ann's."""
    place = tmp_path_factory.mktemp("authority")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    _openssl(*new, "-subj", "/CN=Authority", "-keyout", "ca.key", "-out", "ca.pem", cwd=place)
    for name, subject in (("host", "localhost"), ("usercert", "ann")):
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        key = "userkey.pem" if name == "usercert" else "host.key"
        _openssl(*new, *signed, "-subj", f"/CN={subject}", "-keyout", key, "-out", f"{name}.pem", cwd=place)
    (place / "proxy").write_text((place / "usercert.pem").read_text() + (place / "userkey.pem").read_text())
    digest = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", "ca.pem"], cwd=place, check=True, capture_output=True, text=True
    )
    (place / "certificates").mkdir()
    (place / "certificates" / f"{digest.stdout.strip()}.0").write_text((place / "ca.pem").read_text())
    return place


@pytest.fixture(scope="module")
def secure(authority: Path):
    """Address of a server that asks for certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "host.pem", authority / "host.key")
    context.load_verify_locations(authority / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    server = HTTPServer(("127.0.0.1", 0), _Secure)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"https://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@slow
def test_certificates_and_proxies(secure: str, authority: Path, monkeypatch) -> None:
    def user(**settings: str) -> str:
        with Dynamo(secure, authorities=str(authority / "ca.pem"), **settings) as dynamo:
            return dynamo.whoami().user

    assert user() == ""
    pair = {"certificate": str(authority / "usercert.pem"), "key": str(authority / "userkey.pem")}
    assert user(**pair) == "ann"
    assert user(certificate=pair["certificate"]) == "ann", "the key beside it, as grid tools have it"
    assert user(certificate=str(authority / "proxy")) == "ann"
    monkeypatch.setenv("X509_USER_PROXY", str(authority / "proxy"))
    assert user() == "ann"
    monkeypatch.setenv("X509_CERT_DIR", str(authority / "certificates"))
    with Dynamo(secure) as dynamo:
        assert dynamo.whoami().user == "ann"


@slow
def test_a_server_of_an_unknown_authority_is_not_believed(secure: str) -> None:
    with (
        Dynamo(secure, token="dynamo_secret") as dynamo,
        pytest.raises(CannotConnect, match="certificate verify failed"),
    ):
        dynamo.whoami()


@slow
@pytest.mark.parametrize("name", ["none.pem", "garbage", "usercert_alone.pem"])
def test_a_certificate_that_cannot_be_used_is_told(secure: str, authority: Path, command, tmp_path, name: str) -> None:
    (tmp_path / "garbage").write_text("garbage")
    (tmp_path / "usercert_alone.pem").write_text((authority / "usercert.pem").read_text())
    code, _, err = command("whoami", "--url", secure, "--cert", str(tmp_path / name))
    assert (code, name in err, err.count("\n")) == (2, True, 1)


@slow
def test_a_proxy_in_the_usual_place_is_used_if_it_is_ones_own(secure: str, authority: Path, monkeypatch) -> None:
    other = os.getuid() + 10**6 + os.getpid()
    place = Path(f"/tmp/x509up_u{other}")
    place.write_text((authority / "proxy").read_text())
    try:
        monkeypatch.setattr("dynamo_client.credentials.os.getuid", lambda: other)
        with Dynamo(secure, authorities=str(authority / "ca.pem")) as dynamo:
            assert dynamo.whoami().user == "", "somebody else has put it there"
        if os.geteuid() == 0:
            os.chown(place, other, other)
            with Dynamo(secure, authorities=str(authority / "ca.pem")) as dynamo:
                assert dynamo.whoami().user == "ann"
    finally:
        place.unlink()
