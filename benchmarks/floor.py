"""The floor nobody gets under: the two RSA operations that every payment webhook needs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks import processes

_ROUND = 500
_SHA256 = SHA256()
_PKCS1 = padding.PKCS1v15()
_PSS = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=32)
_TEXT = b"AMZN-PAY-RSASSA-PSS-V2\n" + b"0" * 64


class Floor:
    """CPU µs of one PSS signature (Amazon's, salt 32) and of one RS256 verification of a body (Saleor's).

    Measured again in every round, on the server's core while the servers rest, so that it is slowed by what slows them.
    """

    def __init__(self, body: bytes) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._body = body
        self._signed = self._key.sign(body, _PKCS1, _SHA256)
        self._signing: list[float] = []
        self._verifying: list[float] = []
        self.measure()

    def measure(self) -> None:
        public = self._key.public_key()
        with processes.on_core(processes.SERVER_CORE):
            self._signing.append(_microseconds(lambda: self._key.sign(_TEXT, _PSS, _SHA256)))
            self._verifying.append(_microseconds(lambda: public.verify(self._signed, self._body, _PKCS1, _SHA256)))

    @property
    def medians(self) -> dict[str, float]:
        sign, verify = statistics.median(self._signing), statistics.median(self._verifying)
        return {"sign_us": sign, "verify_us": verify, "floor_us": sign + verify}


def _microseconds(work: Callable[[], object]) -> float:
    work()
    started = time.process_time()
    for _ in range(_ROUND):
        work()
    return (time.process_time() - started) / _ROUND * 1e6
