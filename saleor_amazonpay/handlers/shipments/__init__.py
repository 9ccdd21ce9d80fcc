"""A shipment in Saleor: Amazon is told of the parcel, and, where the merchant wants it, the money is captured.

The webhook only writes down what is to be done (``receiving``); ``captures`` works out how much a shipment makes due
and leaves it to the operations' machinery; ``trackers`` is the job that tells Amazon.
"""
