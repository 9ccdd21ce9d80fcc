"""Orders made with CV1 in the app's own GraphQL: adopt them, explain an id or a call."""

from __future__ import annotations

import strawberry

from saleor_amazonpay.domain.cv1.calls import Cv1Call as StoredCall
from saleor_amazonpay.handlers.cv1 import explaining, rows, updating
from saleor_amazonpay.handlers.cv1.adopting import Outcome, Result
from saleor_amazonpay.handlers.cv1.reading import Refused
from saleor_amazonpay.handlers.services import Deadline
from saleor_amazonpay.schema.resolvers import Info

# ruff: noqa: A002 - id and input are what GraphQL calls them

MOST_IDS = 50
_BUDGET = 12.0  # seconds of reading at Amazon

strawberry.enum(
    Result,
    name="Cv1AdoptResult",
    description="WOULD_ADOPT: a dry run. KNOWN: adopted before. LATER: Amazon or Saleor is in the way; ask again.",
)


@strawberry.input
class Cv1AdoptInput:
    ids: list[str] = strawberry.field(
        description="Of one Order Reference: its own, its authorizations', captures' and refunds'. Or one agreement."
    )
    order: str = strawberry.field(default="", description="Saleor's order, by id or number.")
    external_reference: str = strawberry.field(default="", description="Saleor's order, by its external reference.")
    transaction_id: strawberry.ID = strawberry.field(
        default=strawberry.ID(""), description="A transaction imported with the order, to be taken over."
    )
    account_id: strawberry.ID = strawberry.field(
        default=strawberry.ID(""), description="The Amazon Pay account, where it is not that of the order's channel."
    )
    customer_id: strawberry.ID = strawberry.field(
        default=strawberry.ID(""), description="Saleor's customer of an agreement, where no order says it."
    )
    dry_run: bool = strawberry.field(default=False, description="Read and check everything, change nothing.")


@strawberry.type
class Cv1Outcome:
    id: str
    result: Result
    reason: str = strawberry.field(description="A word for scripts, e.g. NOT_FOUND; empty where all is well.")
    message: str
    transaction_id: str
    order_number: str
    cv2_state: str
    agreement_id: str = strawberry.field(description="Of a Billing Agreement, which has no transaction.")

    @classmethod
    def of(cls, outcome: Outcome) -> Cv1Outcome:
        return cls(
            id=outcome.id,
            result=outcome.result,
            reason=outcome.reason,
            message=outcome.message,
            transaction_id=outcome.transaction_id,
            order_number=outcome.order_number,
            cv2_state=outcome.cv2_state,
            agreement_id=outcome.agreement_id,
        )


@strawberry.type
class Cv1Error:
    field: str
    code: str
    message: str


@strawberry.type
class Cv1Adopt:
    outcomes: list[Cv1Outcome]
    errors: list[Cv1Error]


@strawberry.type(
    description="A call of CV1 with what replaces it; cv2 is null where nothing does, and advice says why."
)
class Cv1Call:
    name: str
    cv2: str | None
    advice: str
    saleor: str

    @classmethod
    def of(cls, call: StoredCall) -> Cv1Call:
        return cls(name=call.name, cv2=call.cv2, advice=call.advice, saleor=call.saleor)


@strawberry.type
class Cv1Name:
    name: str
    value: str


@strawberry.type(description="An id or call in the words of CV1, CV2 and Seller Central.")
class Cv1Explanation:
    asked: str
    subject: str
    call: Cv1Call | None
    names: list[Cv1Name]
    account: str
    cv2_state: str
    cv1_state: str
    reasons: list[str]
    amounts: list[Cv1Name]
    transaction_id: str
    order_number: str
    advice: list[str]
    problem: str

    @classmethod
    def of(cls, it: explaining.Explanation) -> Cv1Explanation:
        return cls(
            asked=it.asked,
            subject=it.subject,
            call=Cv1Call.of(it.call) if it.call else None,
            names=[Cv1Name(name=name, value=value) for name, value in it.names],
            account=it.account,
            cv2_state=it.cv2_state,
            cv1_state=it.cv1_state,
            reasons=list(it.reasons),
            amounts=[Cv1Name(name=name, value=str(money)) for name, money in it.amounts],
            transaction_id=it.transaction_id,
            order_number=it.order_number,
            advice=[*map(str, it.advice)],
            problem=str(it.problem),
        )


async def explain(info: Info, id: str) -> Cv1Explanation:
    it = info.context
    deadline = Deadline(it.services.clock, _BUDGET)
    return Cv1Explanation.of(await explaining.explain(it.services, it.tenant, id, deadline))


async def adopt(info: Info, input: Cv1AdoptInput) -> Cv1Adopt:
    it = info.context
    if not 0 < len(input.ids) <= MOST_IDS:
        message = f"Give 1 to {MOST_IDS} ids; for more there is `saleor-amazonpay cv1 adopt`."
        return Cv1Adopt(outcomes=[], errors=[Cv1Error(field="ids", code="COUNT", message=message)])
    given = [
        rows.Row(
            amazon_id=id_,
            order=input.order,
            external_reference=input.external_reference,
            transaction=input.transaction_id,
            account=input.account_id,
            customer=input.customer_id,
        )
        for id_ in input.ids
    ]
    deadline = Deadline(it.services.clock, _BUDGET)
    outcomes = await rows.adopt_rows(it.services, it.tenant, given, deadline, is_dry_run=input.dry_run)
    return Cv1Adopt(outcomes=[Cv1Outcome.of(outcome) for outcome in outcomes], errors=[])


@strawberry.input(description="What is left out stays as it is at Amazon.")
class Cv1AgreementUpdateInput:
    merchant_reference_id: str | None = strawberry.field(default=None, description="SellerBillingAgreementId of CV1.")
    store_name: str | None = None
    note_to_buyer: str | None = strawberry.field(default=None, description="SellerNote of CV1.")


@strawberry.type
class Cv1AgreementUpdate:
    agreement_id: strawberry.ID | None
    state: str
    errors: list[Cv1Error]


async def agreement_update(info: Info, id: strawberry.ID, input: Cv1AgreementUpdateInput) -> Cv1AgreementUpdate:
    it = info.context
    try:
        changed = await updating.update(
            it.services,
            it.tenant,
            id,
            merchant_reference_id=input.merchant_reference_id,
            store_name=input.store_name,
            note_to_buyer=input.note_to_buyer,
            by=it.by,
            deadline=Deadline(it.services.clock, _BUDGET),
        )
    except Refused as refusal:
        wrong = Cv1Error(field="id", code=refusal.reason, message=refusal.public_message)
        return Cv1AgreementUpdate(agreement_id=None, state="", errors=[wrong])
    return Cv1AgreementUpdate(agreement_id=strawberry.ID(changed.id), state=changed.state, errors=[])


@strawberry.type
class Cv1Query:
    cv1_explain: Cv1Explanation = strawberry.field(
        resolver=explain, description="What an Amazon Pay id, or a call of CV1 by its name, is and what to do with it."
    )


@strawberry.type
class Cv1Mutation:
    cv1_adopt: Cv1Adopt = strawberry.mutation(
        resolver=adopt,
        description="Take an order made with CV1 over: from then on it is charged, refunded and cancelled from Saleor.",
    )
    cv1_agreement_update: Cv1AgreementUpdate = strawberry.mutation(
        resolver=agreement_update, description="What SetBillingAgreementDetails of CV1 did: an agreement's own texts."
    )
