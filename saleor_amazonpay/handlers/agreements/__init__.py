"""A buyer's standing consent: agreed to beside a purchase or alone, charged for its owner, watched until it ends.

    asking       what a storefront may ask the buyer to agree to
    births       a completed session leaves an agreement; an outcome changes its month
    copies       Amazon's permission as last read
    looking      read it back, or close it, and what follows from its state
    closing      by the customer, the merchant, or because nobody owns it
    stored       as Saleor's stored payment methods
    tokenizing   agreed to without a purchase
    charging     a payment begun by charging it (``flow: "stored"``)
    merchant     the same for a merchant's own scheduler, through Saleor
    noticing     which payment or agreement a notification is about
    problems     what the merchant is told of a tenant's agreements
    erasing      what is forgotten of a customer

Only what others hook into is named here; the rooms are imported one by one.
Source: DESIGN §8, §6 cases 12 and 14; amazon-pay-cv2.md §6.
"""

from saleor_amazonpay.handlers.agreements.births import follow
from saleor_amazonpay.handlers.agreements.copies import write

__all__ = ["follow", "write"]
