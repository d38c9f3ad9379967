"""Certificates for servers of tests: of an authority that a test trusts, good ones and each kind of bad one."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))


@dataclass(frozen=True)
class Signer:
    """A certificate with its key, which may sign others."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Authority:
    """An authority, and TLS contexts of servers that it signed or did not."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._root = folder, _signed("an authority of a test", x509.DNSName("authority.test"), None)
        self.file = folder / "authority.pem"
        self.file.write_bytes(_pem(self._root.certificate))

    def good(self) -> ssl.SSLContext:
        """For 127.0.0.1, of today."""
        return self._context(_signed("good", LOOPBACK, self._root))

    def expired(self) -> ssl.SSLContext:
        """Its time ended yesterday."""
        return self._context(_signed("expired", LOOPBACK, self._root, ends=-DAY))

    def of_another_host(self) -> ssl.SSLContext:
        """Sound, but not for 127.0.0.1."""
        return self._context(_signed("other", x509.DNSName("other.example.test"), self._root))

    def self_signed(self) -> ssl.SSLContext:
        """Signed by itself alone."""
        return self._context(_signed("self", LOOPBACK, None))

    def _context(self, server: Signer) -> ssl.SSLContext:
        file = self._folder / f"{server.certificate.serial_number}.pem"
        key = server.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(key + _pem(server.certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _signed(name: str, host: x509.GeneralName, signer: Signer | None, ends: timedelta = DAY) -> Signer:
    """A certificate of a name for a host, signed by another one or by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 9 * DAY)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
    )
    return Signer(made.sign(signer.key if signer else key, hashes.SHA256()), key)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
