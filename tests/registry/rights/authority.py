"""A test's own certificate authorities, users and proxies; and the nginx of docs/examples that knows one of the authorities."""

from __future__ import annotations

import os
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from testbed.processes import answers, free_ports
from tests.services.session import Session

ROOT = Path(__file__).parents[3]
SECRET = "what no client knows"
# proxyCertInfo with the policy "inherit all".
_PROXY = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"), bytes.fromhex("300c300a06082b06010505071501")
)
Name = Sequence[tuple[x509.ObjectIdentifier, str]]
DC, CN = NameOID.DOMAIN_COMPONENT, NameOID.COMMON_NAME
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Holder:
    """A certificate with its key, and those of who issued it up to the authority."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    def file(self, directory: Path) -> Path:
        """Certificate, key and chain in one file, as grid tools keep a proxy."""
        path = directory / f"{self.certificate.serial_number}.pem"
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(_pem(self.certificate) + key + b"".join(map(_pem, self.chain)))
        return path


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def authority(name: str) -> Holder:
    return _issued(None, [(CN, name)], x509.BasicConstraints(ca=True, path_length=None), critical=True)


def user(by: Holder, name: Name, ended: bool = False) -> Holder:
    return _issued(by, name, x509.BasicConstraints(ca=False, path_length=None), critical=True, ended=ended)


def proxy(by: Holder, number: str = "1234567", *, honest: bool = True, ended: bool = False) -> Holder:
    """A proxy that the holder of a certificate, or of a proxy, has issued; not ``honest``: without saying that it is one."""
    name = [*((part.oid, str(part.value)) for part in by.certificate.subject), (CN, number)]
    extension = _PROXY if honest else x509.BasicConstraints(ca=False, path_length=None)
    return _issued(by, name, extension, critical=True, ended=ended)


def _issued(
    by: Holder | None, name: Name, extension: x509.ExtensionType, critical: bool, ended: bool = False
) -> Holder:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in name])
    until = now - _DAY if ended else now + _DAY
    usage = x509.KeyUsage(True, False, False, False, False, by is None, by is None, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * _DAY)
        .not_valid_after(until)
        .add_extension(extension, critical=critical)
        .add_extension(usage, critical=True)
    )
    if by is None or name == [(CN, "localhost")]:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = builder.sign(key if by is None else by.key, hashes.SHA256())
    chain = () if by is None else (by.certificate, *by.chain)
    return Holder(made, key, chain)


@dataclass(frozen=True)
class Front:
    """A running nginx; ``get`` calls it with a certificate."""

    url: str
    trusted: Path
    directory: Path

    def get(self, path: str, holder: Holder | None = None, **headers: str) -> httpx.Response:
        with self._client(holder) as client:
            return client.get(path, headers=headers)

    def post(self, path: str, holder: Holder | None, data: dict[str, str], **headers: str) -> httpx.Response:
        with self._client(holder) as client:
            return client.post(path, data=data, headers=headers)

    def _client(self, holder: Holder | None) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.trusted))
        if holder is not None:
            context.load_cert_chain(holder.file(self.directory))
        return httpx.Client(base_url=self.url, verify=context, timeout=60, trust_env=False)


def preloaded(directory: Path) -> Path:
    """The library that has nginx take proxies, compiled."""
    made = directory / "allow_proxy_certificates.so"
    source = ROOT / "tools" / "nginx" / "allow_proxy_certificates.c"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"], check=True)
    return made


def start(session: Session, nginx: str, known: Holder, behind: str) -> Front:
    """nginx as in docs/examples, in front of ``behind``, with what is in capitals there replaced."""
    home = Path(tempfile.mkdtemp(prefix="front-", dir=session.directory))
    home.chmod(0o755)
    port = free_ports(1)[0]
    server = user(known, [(CN, "localhost")])
    server.file(home).rename(home / "server.pem")
    (home / "authorities.pem").write_bytes(_pem(known.certificate))
    lines = (ROOT / "docs" / "examples" / "nginx.conf").read_text()
    for old, new in (
        ("443 ssl", f"127.0.0.1:{port} ssl"), ("dynamo.example.org", "localhost"), ("/etc/ssl/dynamo.pem", f"{home}/server.pem"),
        ("/etc/ssl/dynamo.key", f"{home}/server.pem"), ("/etc/ssl/client-authorities.pem", f"{home}/authorities.pem"),
        ("http://127.0.0.1:8000", behind), ('"SECRET"', f'"{SECRET}"'),
    ):  # fmt: skip
        assert old in lines, old
        lines = lines.replace(old, new)
    # Test authorities publish no revocation lists.
    lines = "\n".join(line for line in lines.splitlines() if "ssl_crl" not in line)
    account = "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(
        f"daemon off; pid {home}/pid; error_log stderr warn; {account} events {{}}\nhttp {{ access_log off;\n"
        + "".join(f"{name}_temp_path {home}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + lines
        + "}\n"
    )
    command = ["env", f"LD_PRELOAD={preloaded(home)}", nginx, "-p", str(home), "-c", str(home / "nginx.conf")]
    session.start("front", command, lambda: answers(port))
    return Front(f"https://localhost:{port}", home / "authorities.pem", home)
