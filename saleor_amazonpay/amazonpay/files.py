"""Files behind the pre-signed URLs that Amazon Pay names: evidence goes up, report documents come down.

The URLs need no signature of ours and live for seconds to an hour. Source: amazon-pay-cv2.md §3.12, §3.13.
"""

from __future__ import annotations

import httpx2

from saleor_amazonpay.errors import AmazonPayRejected, AmazonPayUnavailable

_SECONDS = 20.0


class AmazonFiles:
    """``http`` must refuse addresses that are not public and follow no redirects."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def upload(self, url: str, content: bytes) -> None:
        """PUT the whole file.

        Raises:
            AmazonPayUnavailable: it did not arrive; the URL can be used again while it lives.
            AmazonPayRejected: the URL has run out, or the file is not taken.
        """
        try:
            answer = await self._http.put(url, content=content, timeout=_SECONDS)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise AmazonPayUnavailable("The file could not be sent to Amazon Pay now.") from error
        _check(answer.status_code)

    async def download(self, url: str, *, max_bytes: int) -> bytes:
        """The whole file.

        Raises:
            AmazonPayUnavailable: it did not arrive whole; ask for a new URL and try again.
            AmazonPayRejected: the URL has run out, or the file is larger than ``max_bytes``.
        """
        content = bytearray()
        try:
            async with self._http.stream("GET", url, timeout=_SECONDS) as answer:
                _check(answer.status_code)
                if answer.headers.get("content-encoding", "identity") != "identity":  # may unpack to any size
                    raise AmazonPayRejected("The file is compressed, which it was not asked to be.")
                async for chunk in answer.aiter_bytes():
                    content += chunk
                    if len(content) > max_bytes:
                        raise AmazonPayRejected(f"The file is larger than {max_bytes} bytes.", reason_code="TooLarge")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise AmazonPayUnavailable("The file could not be fetched from Amazon Pay now.") from error
        return bytes(content)


def _check(status: int) -> None:
    if status >= httpx2.codes.INTERNAL_SERVER_ERROR:
        raise AmazonPayUnavailable("Amazon's file store cannot be reached now.")
    if not httpx2.codes.is_success(status):
        raise AmazonPayRejected("Amazon's address of the file does not work (any more).", http_status=status)
