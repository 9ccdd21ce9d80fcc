"""Saleor's side of a payment app: webhooks in, answers and GraphQL out. Usable on its own; knows nothing of Amazon Pay."""
