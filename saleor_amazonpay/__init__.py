"""Saleor payment app for Amazon Pay Checkout v2."""

__version__ = "0.1.0"
