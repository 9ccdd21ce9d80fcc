"""Orders made with CV1: taken over one by one or by the file, and looked up.

    reading     what Amazon says of the ids, through CV2
    telling     what Saleor is told of it
    adopting    one Order Reference, or agreement, with the ids that belong to it
    rows        a CSV of ids, row by row
    bulk        a whole file
    updating    what an agreement says, SetBillingAgreementDetails
    explaining  an id, or a call of CV1, in both APIs' words

Once an order is adopted it is a payment like any other: charges, refunds and cancels go through ``operations``.
Source: amazon-pay-cv2.md §12, §13.2.
"""
