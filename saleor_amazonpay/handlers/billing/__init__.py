"""Billing schedules: an agreement charged by the calendar, one Saleor order for every period. Source: DESIGN §8.

The rooms, each using only those above it:

    events       what happened is written down, and who has to hear of it
    settling     a period ends: billed, or accounted for; the schedule goes on, pauses or ends
    calling      a settled operation calls the renewal it belongs to
    dunning      what follows a decline
    payments     what our own payment of a renewal has come to
    renewing     the steps from a due period to a captured order
    scanning     which schedules and renewals are due
    telling      the template order's metadata
    outgoing     the merchant's endpoint
    fields       what may be entered, field by field
    scheduling   create, change, pause, resume, skip, cancel
"""
