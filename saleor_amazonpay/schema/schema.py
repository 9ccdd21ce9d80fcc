"""The app's own GraphQL: what can be asked and changed, and how much at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import strawberry
import structlog
from strawberry.extensions import MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter, SchemaExtension
from strawberry.types import ExecutionContext
from strawberry.utils.await_maybe import AwaitableOrValue

from graphql import GraphQLError, GraphQLResolveInfo
from saleor_amazonpay.errors import AppError
from saleor_amazonpay.handlers.dashboard_users import NEEDED_PERMISSIONS, PAYMENT_STAFF, Viewer, require
from saleor_amazonpay.schema import resolvers
from saleor_amazonpay.schema.agreements.operations import FOR_APPS, AgreementMutation, AgreementQuery
from saleor_amazonpay.schema.billing.operations import BillingMutation, BillingQuery
from saleor_amazonpay.schema.cv1 import Cv1Mutation, Cv1Query
from saleor_amazonpay.schema.disputes import DisputeMutation, DisputeQuery
from saleor_amazonpay.schema.drift import DriftMutation, DriftQuery
from saleor_amazonpay.schema.key_pairs import KeyPairMutation, KeyPairQuery
from saleor_amazonpay.schema.payments import PaymentMutation, PaymentQuery
from saleor_amazonpay.schema.settlements import SettlementMutation, SettlementQuery
from saleor_amazonpay.schema.types import (
    Account,
    AccountArchive,
    AccountCreate,
    AccountDelete,
    AccountTest,
    AccountUpdate,
    Channel,
    ChannelAssign,
    ChannelUnassign,
    Installation,
)

MAX_DEPTH = 6
MAX_ALIASES = 15
MAX_TOKENS = 2000

log = structlog.get_logger(__name__)


@strawberry.type
class Query(
    AgreementQuery, BillingQuery, Cv1Query, DisputeQuery, DriftQuery, KeyPairQuery, PaymentQuery, SettlementQuery
):
    installation: Installation = strawberry.field(
        resolver=resolvers.installation, description="This app in this Saleor."
    )
    accounts: list[Account] = strawberry.field(
        resolver=resolvers.accounts, description="All accounts of this Saleor, oldest first."
    )
    account: Account | None = strawberry.field(
        resolver=resolvers.account, description="One account; null where there is none of that id."
    )
    channels: list[Channel] = strawberry.field(
        resolver=resolvers.channels,
        description="Saleor's channels: which account each uses, and what keeps it from taking payments.",
    )


@strawberry.type
class Mutation(
    AgreementMutation,
    BillingMutation,
    Cv1Mutation,
    DisputeMutation,
    DriftMutation,
    KeyPairMutation,
    PaymentMutation,
    SettlementMutation,
):
    account_create: AccountCreate = strawberry.mutation(
        resolver=resolvers.account_create, description="Try the keys at Amazon Pay, then store them."
    )
    account_update: AccountUpdate = strawberry.mutation(
        resolver=resolvers.account_update,
        description="Change an account; the keys are tried again where anything they depend on changed.",
    )
    account_test: AccountTest = strawberry.mutation(
        resolver=resolvers.account_test, description="Try the stored keys at Amazon Pay."
    )
    account_delete: AccountDelete = strawberry.mutation(
        resolver=resolvers.account_delete, description="Delete an account that has no payments."
    )
    account_archive: AccountArchive = strawberry.mutation(
        resolver=resolvers.account_archive,
        description="Take no new payments with an account; captures and refunds of old ones go on.",
    )
    channel_assign: ChannelAssign = strawberry.mutation(
        resolver=resolvers.channel_assign, description="Let a channel use an account, in place of the one it used."
    )
    channel_unassign: ChannelUnassign = strawberry.mutation(
        resolver=resolvers.channel_unassign, description="Let a channel offer Amazon Pay no more."
    )


FOR_PAYMENT_STAFF = frozenset(
    {
        *FOR_APPS,
        "dispute",
        "disputeContest",
        "disputeEvidenceAdd",
        "disputeEvidenceRemove",
        "disputeRead",
        "disputes",
        "driftCheck",
        "driftReport",
        "payment",
        "paymentCancel",
        "paymentCharge",
        "paymentReauthorize",
        "paymentRefund",
        "paymentRefundBeyond",
        "paymentReportResend",
        "paymentReread",
        "payments",
    }
)
"""The fields of what the page shows to whoever may handle payments in Saleor; all others need MANAGE_APPS too."""


class PermittedFields(SchemaExtension):
    """Whoever handles payments may use the fields of payments, an app of the merchant's those made for apps."""

    def resolve(
        self, _next: Callable[..., Any], root: Any, info: GraphQLResolveInfo[Any], *args: str, **kwargs: Any
    ) -> AwaitableOrValue[object]:
        """Looks at the operation's own fields; what is below them was allowed with them."""
        if info.path.prev is None and not info.field_name.startswith("__"):
            _permit(info.context.viewer, info.field_name)
        result: AwaitableOrValue[object] = _next(root, info, *args, **kwargs)
        return result


def _permit(viewer: Viewer, field: str) -> None:
    """Raises PermissionDenied, NotForApps."""
    if not viewer.is_app:
        require(viewer, PAYMENT_STAFF if field in FOR_PAYMENT_STAFF else NEEDED_PERMISSIONS)
    elif field not in FOR_APPS:
        raise NotForApps("This is for staff, with the token of the Saleor Dashboard; an app's token is not enough.")


class NotForApps(AppError):
    status = 403
    code = "PERMISSION_DENIED"


class AppSchema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log our own faults alone: a GraphQL error prints the query, and that may hold a private key."""
        del execution_context
        for error in errors:
            fault = error.original_error
            if fault is not None and not isinstance(fault, AppError | GraphQLError):
                log.error("graphql_fault", path=error.path, exc_info=fault)


schema = AppSchema(
    query=Query,
    mutation=Mutation,
    extensions=[
        PermittedFields,
        lambda: QueryDepthLimiter(max_depth=MAX_DEPTH),
        lambda: MaxAliasesLimiter(max_alias_count=MAX_ALIASES),
        lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
    ],
)
