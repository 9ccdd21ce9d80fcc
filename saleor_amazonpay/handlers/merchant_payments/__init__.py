"""Payments as the merchant's staff see them and act on them: one module for each thing they do.

    listing   the list, searched and filtered
    export    the same as a file for spreadsheets
    story     one payment in full: money, limits, all that happened
    actions   its buttons, each pressed once

Whatever moves money goes through Saleor's own mutations, as the user who asks, so that Saleor's amounts, permissions
and channels stay right; only what Saleor has no word for (holding the rest again, Amazon's allowance beyond the
capture) is begun here, through the same operations as everything else.
"""
