"""Saleor's side of a payment app: webhooks in, answers and GraphQL out; knows nothing of Amazon Pay."""
