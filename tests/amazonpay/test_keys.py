from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from saleor_amazonpay.amazonpay import (
    fingerprint,
    generate_key_pair,
    load_private_key,
    load_trusted_private_key,
    matches,
    public_pem_of,
)
from saleor_amazonpay.errors import KeyUnusable


def pem_of(key, style=PrivateFormat.PKCS8, encryption=None) -> str:
    return key.private_bytes(Encoding.PEM, style, encryption or NoEncryption()).decode()


@pytest.fixture(scope="module")
def good(vectors) -> str:
    return vectors["privateKeyPem"]


@pytest.fixture(scope="module")
def public(vectors) -> str:
    return vectors["publicKeyPem"]


WAYS_TO_PASTE = {
    "as it is": lambda pem: pem,
    "CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "old Mac line ends": lambda pem: pem.replace("\n", "\r"),
    "no final newline": lambda pem: pem.rstrip("\n"),
    "spaces around": lambda pem: f"  \n\t{pem}\n  ",
    "indented": lambda pem: pem.replace("\n", "\n    "),
    "double quotes": lambda pem: f'"{pem.strip()}"',
    "single quotes": lambda pem: f"'{pem.strip()}'",
    "literal \\n": lambda pem: pem.replace("\n", "\\n"),
    "literal \\r\\n in quotes": lambda pem: '"' + pem.replace("\n", "\\r\\n") + '"',
    "one line": lambda pem: pem.replace("\n", " "),
    "byte order mark": lambda pem: "\ufeff" + pem,
    "text before it": lambda pem: "Bag Attributes\n  friendlyName: pay\n" + pem,
    "public half before it": lambda pem: public_pem_of(load_trusted_private_key(pem)) + pem,
}


class TestLoadPrivateKey:
    @pytest.mark.parametrize("way", WAYS_TO_PASTE.values(), ids=WAYS_TO_PASTE)
    @pytest.mark.parametrize("load", [load_private_key, load_trusted_private_key])
    def test_forgives_how_it_was_pasted(self, good, public, way, load):
        assert matches(load(way(good)), public)

    def test_takes_the_traditional_format_too(self, good, public):
        text = pem_of(load_private_key(good), PrivateFormat.TraditionalOpenSSL)
        assert "BEGIN RSA PRIVATE KEY" in text
        assert matches(load_private_key(text), public)

    @pytest.mark.parametrize("empty", ["", "  \n", '""', "\ufeff"])
    def test_says_that_nothing_was_given(self, empty):
        with pytest.raises(KeyUnusable, match="No private key"):
            load_private_key(empty)

    def test_says_that_it_is_a_public_key(self, good, public):
        key = load_private_key(good).public_key()
        for text in (
            public,
            key.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode(),
            key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
        ):
            with pytest.raises(KeyUnusable, match="This is a public key"):
                load_private_key(text)

    def test_says_that_it_is_a_certificate(self):
        text = "-----BEGIN CERTIFICATE-----\nMIIBszCCARygAwIBAgIB\n-----END CERTIFICATE-----\n"
        with pytest.raises(KeyUnusable, match="This is a certificate"):
            load_private_key(text)

    def test_says_that_it_is_the_key_id(self):
        with pytest.raises(KeyUnusable, match="public key ID"):
            load_private_key("SANDBOX-AFVX7ULWSGBZ5535PCUQOY7B")

    @pytest.mark.parametrize("style", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
    def test_says_that_a_passphrase_protects_it(self, good, style):
        text = pem_of(load_private_key(good), style, BestAvailableEncryption(b"secret"))
        with pytest.raises(KeyUnusable, match="passphrase"):
            load_private_key(text)

    @pytest.mark.parametrize(
        ("key", "kind"),
        [
            (lambda: ec.generate_private_key(ec.SECP256R1()), r"\(EC\)"),
            (lambda: dsa.generate_private_key(1024), "a DSA key"),
            (ed25519.Ed25519PrivateKey.generate, "an EdDSA key"),
            (x25519.X25519PrivateKey.generate, "Diffie-Hellman"),
        ],
    )
    def test_names_a_key_that_is_not_rsa(self, key, kind):
        with pytest.raises(KeyUnusable, match=f"needs an RSA key; this is .*{kind}"):
            load_private_key(pem_of(key()))

    def test_names_the_length_of_a_short_key(self):
        short = pem_of(rsa.generate_private_key(65537, 1024))
        with pytest.raises(KeyUnusable, match="1024 bits"):
            load_private_key(short)

    @pytest.mark.parametrize(
        "text",
        [
            "hello",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADAN",
        ],
    )
    def test_says_that_it_cannot_be_read(self, text):
        with pytest.raises(KeyUnusable, match="cannot be read"):
            load_private_key(text)

    def test_a_cut_key_cannot_be_read(self, good):
        lines = good.splitlines()
        with pytest.raises(KeyUnusable, match="cannot be read"):
            load_private_key("\n".join(lines[:10] + lines[11:]))

    def test_a_key_whose_numbers_do_not_fit_is_refused_by_full_validation_only(self, good):
        numbers = load_private_key(good).private_numbers()
        wrong = rsa.RSAPrivateNumbers(
            numbers.p, numbers.q, numbers.d, numbers.dmp1 + 2, numbers.dmq1, numbers.iqmp, numbers.public_numbers
        )
        text = pem_of(wrong.private_key(unsafe_skip_rsa_key_validation=True))
        with pytest.raises(KeyUnusable, match="cannot be read"):
            load_private_key(text)
        assert load_trusted_private_key(text).key_size == 2048

    @pytest.mark.parametrize("change", [lambda pem: pem[:200], lambda pem: pem.replace("MII", "XXX")])
    def test_no_message_repeats_what_was_pasted(self, good, change):
        with pytest.raises(KeyUnusable) as raised:
            load_private_key(change(good))
        assert good.splitlines()[1][:20] not in f"{raised.value} {raised.value.__cause__}"
        assert raised.value.__cause__ is None


class TestKeyPair:
    def test_a_generated_pair_fits_together_and_loads(self):
        private, public = generate_key_pair()
        assert load_private_key(private).key_size == 2048
        assert matches(private, public)
        assert public.startswith("-----BEGIN PUBLIC KEY-----")

    def test_another_pair_does_not_fit(self, good):
        assert not matches(good, public_pem_of(rsa.generate_private_key(65537, 2048)))

    def test_fingerprint_is_the_same_for_both_halves_and_forms(self, good, public):
        prints = {
            fingerprint(good),
            fingerprint(public),
            fingerprint(load_private_key(good)),
            fingerprint(load_private_key(good).public_key()),
        }
        assert len(prints) == 1
        assert len(prints.pop()) == 23

    def test_a_public_key_that_is_not_one_is_unusable(self, good):
        other = ec.generate_private_key(ec.SECP256R1()).public_key()
        text = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        with pytest.raises(KeyUnusable, match="EC"):
            matches(good, text)
        with pytest.raises(KeyUnusable, match="cannot be read"):
            matches(good, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")
        with pytest.raises(KeyUnusable, match="cannot be read"):
            matches(good, "BEGIN PUBLIC KEY")
