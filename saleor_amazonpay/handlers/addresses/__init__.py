"""Addresses between the two: Amazon's form to Saleor's, Saleor's to Amazon's, and one against the other."""

from saleor_amazonpay.handlers.addresses.amazon_form import AmazonAddress, to_amazon
from saleor_amazonpay.handlers.addresses.comparison import same_place
from saleor_amazonpay.handlers.addresses.saleor_form import SaleorAddress, to_saleor

__all__ = ["AmazonAddress", "SaleorAddress", "same_place", "to_amazon", "to_saleor"]
