"""Orders as staff name them: by Saleor's id, or by the number that everybody sees."""

from __future__ import annotations

from saleor_amazonpay.errors import RequestRejected
from saleor_amazonpay.handlers.services import Services
from saleor_amazonpay.messages import Message
from saleor_amazonpay.saleor.global_ids import is_id_of

_LONGEST_NUMBER = 64


class UnknownOrder(RequestRejected):
    code = "UNKNOWN_ORDER"


async def source_id(services: Services, api_url: str, named: str, *, kinds: tuple[str, ...] = ("Order",)) -> str:
    """Saleor's id of the order; what is an id already stays, whether there is such an object or not.

    Raises:
        UnknownOrder: no order has that number.
        SaleorError: it could not be looked up.
    """
    if is_id_of(named, *kinds):
        return named
    number = named.removeprefix("#").strip()
    tenant = await services.directory.tenant(api_url)
    token = tenant.installation.token
    found = await services.saleor.order_id(api_url, token, number) if 0 < len(number) <= _LONGEST_NUMBER else None
    if found is None:
        raise UnknownOrder(Message("Saleor has no order {number}.", number=named[:_LONGEST_NUMBER]))
    return found
