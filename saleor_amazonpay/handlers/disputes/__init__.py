"""Chargebacks and A-to-z claims: read from Amazon, told to Saleor at each step, answered with evidence.

``reading`` writes down what Amazon says and owes Saleor each news of it; ``answering`` gathers evidence and sends it;
``jobs`` is what runs in the background. A notification, the sweep and the merchant's page all end in ``reading.read``.
"""
