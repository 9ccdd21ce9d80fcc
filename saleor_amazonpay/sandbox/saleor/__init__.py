"""A Saleor stand-in: as much of Saleor as a payment app, a storefront and a merchant meet around a payment.

It sends the same requests as Saleor 3.23, judges answers as Saleor does and counts money as Saleor does, so that a
wrong answer fails here as it would fail in a shop. Sources: saleor-observed.md (wins), saleor-contract.md.
"""

from saleor_amazonpay.sandbox.saleor.standin import Options, SaleorStandIn

__all__ = ["Options", "SaleorStandIn"]
