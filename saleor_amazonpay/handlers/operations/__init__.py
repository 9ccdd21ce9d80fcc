"""An operation's life: begun with its calls committed, carried out under a claim, settled as one fact for Saleor.

The same functions serve a webhook that waits, a job that retries after a time-out and a replica that takes over after
a crash; nobody else sends a CV2 request that moves money. The order is what keeps money safe (DESIGN §4 rules 1-4):

    begin      one transaction: the operation, the claim, the plan, each call with its key and bytes
    carry_out  sends the stored bytes, reads back what a refusal leaves in doubt
    settle     one transaction: Amazon's objects as read, the outcome, the report owed to Saleor, the claim given back

The rooms, each using only those above it:

    claims         an operation in the hands of one actor
    identity       its id and its reference
    deferring      the jobs that take it up again
    owing          what Saleor is told of it
    settling       an outcome becomes a fact
    rounds         one plan and what came of it
    beginning      a request becomes an operation
    sending        the requests themselves
    carrying_out   all rounds, under the claim
    looking_again  what Amazon was still deciding
"""

from saleor_amazonpay.handlers.operations.beginning import begin, carry_out_later, refuse, same_again, start_later
from saleor_amazonpay.handlers.operations.carrying_out import carry_out, finish_within, resume
from saleor_amazonpay.handlers.operations.claims import UNFINISHED, Claimed, Observations
from saleor_amazonpay.handlers.operations.deferring import CARRY_OUT, DELIVER_REPORTS, LAST_LOOK, POLL, next_look
from saleor_amazonpay.handlers.operations.identity import announced, derived_reference, new_operation
from saleor_amazonpay.handlers.operations.looking_again import look_again
from saleor_amazonpay.handlers.operations.owing import fact_of, owe, owe_without_actions
from saleor_amazonpay.handlers.operations.settling import settle_pending

__all__ = [
    "CARRY_OUT",
    "DELIVER_REPORTS",
    "LAST_LOOK",
    "POLL",
    "UNFINISHED",
    "Claimed",
    "Observations",
    "announced",
    "begin",
    "carry_out",
    "carry_out_later",
    "derived_reference",
    "fact_of",
    "finish_within",
    "look_again",
    "new_operation",
    "next_look",
    "owe",
    "owe_without_actions",
    "refuse",
    "resume",
    "same_again",
    "settle_pending",
    "start_later",
]
