"""A certificate authority for the tests, and a server's certificate that it has signed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Certificates:
    """Files in PEM.

    Attributes:
        authority: what a client trusts.
        server: of 127.0.0.1, with its key.
    """

    authority: Path
    server: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        """Valid for an hour, with every extension that Python 3.13 and newer require."""
        authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        authority_name, server_name = _name("Authority"), _name("Redis")
        is_authority = x509.BasicConstraints(ca=True, path_length=0)
        key_identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
        authority = (
            _begin(authority_name, authority_name, authority_key)
            .add_extension(is_authority, critical=True)
            .add_extension(SIGNS_CERTIFICATES, critical=True)
            .add_extension(key_identifier, critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        signed_with = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier)
        server = (
            _begin(server_name, authority_name, server_key)
            .add_extension(address, critical=False)
            .add_extension(signed_with, critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        made = cls(folder / "authority.pem", folder / "server.pem")
        made.authority.write_bytes(authority.public_bytes(Encoding.PEM))
        key = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        made.server.write_bytes(server.public_bytes(Encoding.PEM) + key)
        return made


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )
