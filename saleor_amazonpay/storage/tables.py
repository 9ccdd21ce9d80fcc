"""The tables. Plain integers and text, so that both databases hold the very same thing.

Times are microseconds since the epoch (UTC), amounts minor units beside their currency, lists and objects JSON text.
Columns whose name ends in ``_sealed`` are AES-256-GCM ciphertext bound to table, column and row (encryption.py).
Source: DESIGN §7.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _minor(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """``complete`` tells SQLAlchemy of ``where``: it looks that up in the dialects, which are 3 MB to import."""
    return Index(name, *columns, unique=unique, info={_WHERE: where})


_WHERE = "where"


def complete() -> MetaData:
    """``metadata`` with what only the making of a schema needs."""
    partial = [index for table in metadata.tables.values() for index in table.indexes if _WHERE in index.info]
    for index in partial:
        for dialect in ("sqlite", "postgresql"):
            index.dialect_options[dialect]["where"] = text(index.info[_WHERE])
    return metadata


installations = Table(
    "installations",
    metadata,
    Column("api_url", Text, primary_key=True),  # the tenant (DESIGN §4 rule 8)
    Column("app_id", Text, nullable=False),
    Column("token_sealed", Text, nullable=False),
    Column("jwks", Text, nullable=False),
    Column("saleor_version", Text),
    Column("app_version", Text, nullable=False),
    Column("state", Text, nullable=False),  # active | token_revoked | removed
    _time("installed_at"),
    _time("updated_at"),
    # 0: installed again, and nothing was signed with the known keys since (DESIGN §6 case 17)
    Column("keys_proven_at", BigInteger, nullable=False, server_default="1"),
    Column("manifest_mark", Text),  # of the manifest whose webhooks that Saleor has
    Column("webhooks_looked_at", BigInteger, nullable=False, server_default="0"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("merchant_id", Text, nullable=False),
    Column("store_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("public_key_id", Text, nullable=False),
    Column("private_key_sealed", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("state", Text, nullable=False),  # active | archived | locked (re-install with a foreign key, case 17)
    _time("created_at"),
    _time("updated_at"),
)

# An account's second pair (at most one), or a generated pair that waits for its public key ID.
key_pairs = Table(
    "key_pairs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False, index=True),
    Column("account_id", Text, ForeignKey("accounts.id"), unique=True),
    Column("public_key_id", Text),
    Column("private_key_sealed", Text, nullable=False),
    _time("created_at"),
)

channel_assignments = Table(
    "channel_assignments",
    metadata,
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("channel_slug", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    _time("updated_at"),
    PrimaryKeyConstraint("api_url", "channel_slug"),
)

payments = Table(
    "payments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("channel_slug", Text, nullable=False),
    Column("flow", Text, nullable=False),  # review | apb | stored
    Column("action_type", Text, nullable=False),  # AUTHORIZATION | CHARGE, as Saleor asked
    Column("source_type", Text, nullable=False),  # Checkout | Order
    Column("source_id", Text, nullable=False),
    Column("customer_id", Text),
    Column("currency", Text, nullable=False),
    _minor("amount"),
    _minor("outstanding"),  # what the source still needed when the payment was initialised (case 1)
    Column("state", Text, nullable=False),  # domain.states.PaymentState
    Column("session_id", Text),
    _time("session_expires_at", nullable=True),
    Column("result_url", Text),  # the checkoutResultReturnUrl given to Amazon
    Column("return_url", Text),  # where an app-hosted return sends the buyer at last
    Column("redirect_url", Text),  # amazonPayRedirectUrl, as last read
    Column("charge_permission_id", Text),
    Column("charge_permission_type", Text),
    Column("charge_permission_state", Text),
    _minor("charge_permission_balance", nullable=True),
    _time("charge_permission_expires_at", nullable=True),
    _minor("released"),  # cancelled and told to Saleor
    # The leased claim with its fencing token (DESIGN §4 rule 1).
    Column("claim_fence", BigInteger, nullable=False, server_default=text("0")),
    _time("claimed_until"),
    # When a sweep looks next, each only at what its index holds (sweeps/due.py).
    _time("sweep_at", nullable=True),
    _time("audit_at", nullable=True),
    Column("order_number", Text),  # once Amazon shows it as merchantReferenceId
    Column("order_id", Text),  # of the same order
    Column("status", Text, nullable=False, server_default="awaiting_buyer"),  # domain.states.PaymentStatus
    Column("agreement_terms", Text),  # JSON: what the buyer is asked to agree to beside this purchase
    Column("agreement_id", Text),  # the agreement that is charged; null: the buyer pays at Amazon
    Column("charge_initiator", Text),  # CITU | MITU | CITR | MITR; only where an agreement is charged
    Column("charge_channel", Text),
    Column("merchant_reference", Text),  # the one-time permission's merchantReferenceId, as last read
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("api_url", "transaction_id"),
    _partial_index("ix_payments_awaiting", "sweep_at", where="state IN ('initialized', 'awaiting_buyer')"),
    _partial_index("ix_payments_numberless", "sweep_at", where="state = 'active' AND order_number IS NULL"),
    _partial_index("ix_payments_audit", "audit_at", where="state = 'active'"),
    _partial_index("uq_payments_session", "api_url", "session_id", where="session_id IS NOT NULL", unique=True),
    _partial_index(
        "ix_payments_charge_permission", "api_url", "charge_permission_id", where="charge_permission_id IS NOT NULL"
    ),
    # The merchant's list (payment_list.py): each filter that can be rare leads an index that is in the list's order.
    Index("ix_payments_list", "api_url", "created_at", "id"),
    Index("ix_payments_list_status", "api_url", "status", "created_at", "id"),
    Index("ix_payments_list_channel", "api_url", "channel_slug", "created_at", "id"),
    Index("ix_payments_list_account", "account_id", "created_at", "id"),
    _partial_index(
        "ix_payments_list_customer", "api_url", "customer_id", "created_at", "id", where="customer_id IS NOT NULL"
    ),
    _partial_index("ix_payments_order_number", "api_url", "order_number", where="order_number IS NOT NULL"),
    _partial_index("ix_payments_reference", "api_url", "merchant_reference", where="merchant_reference IS NOT NULL"),
    _partial_index("ix_payments_order_id", "api_url", "order_id", where="order_id IS NOT NULL"),
    Index("ix_payments_source", "api_url", "source_id"),
)

charges = Table(
    "charges",
    metadata,
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("charge_id", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("reason_code", Text),
    _minor("amount"),
    _minor("captured"),
    _minor("refunded"),
    Column("charged_back", BigInteger, nullable=False, server_default=text("0")),  # lost to a dispute
    _time("expires_at", nullable=True),
    Column("merchant_reference", Text),  # its merchantReferenceId, as last read
    _time("look_at", nullable=True),  # when a sweep looks whether an open authorization expires
    _time("created_at"),
    _time("updated_at"),  # Amazon's statusDetails.lastUpdatedTimestamp
    PrimaryKeyConstraint("payment_id", "charge_id"),
    _partial_index("ix_charges_authorized", "look_at", where="state = 'Authorized'"),
    _partial_index("ix_charges_reference", "merchant_reference", where="merchant_reference IS NOT NULL"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("refund_id", Text, nullable=False, index=True),
    Column("charge_id", Text, nullable=False),
    Column("operation_id", Text, index=True),  # null: made outside this app
    Column("state", Text, nullable=False),
    Column("reason_code", Text),
    _minor("amount"),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("payment_id", "refund_id"),
)

# A buyer's standing consent: one Recurring (or PaymentMethodOnFile) charge permission of one Saleor customer. Its
# payments share the permission; what belongs to one order is in ``payments``, what belongs to the consent is here.
agreements = Table(
    "agreements",
    metadata,
    Column("id", Text, primary_key=True),  # derived: the same permission is always the same agreement
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("channel_slug", Text, nullable=False),  # where the buyer agreed
    Column("customer_id", Text),  # Saleor's user; null once the customer was erased
    Column("payment_id", Text),  # the purchase it was agreed with
    Column("charge_permission_id", Text, nullable=False),
    Column("charge_permission_type", Text, nullable=False),  # Recurring | PaymentMethodOnFile
    Column("buyer_id", Text),
    Column("payment_descriptor", Text),
    Column("currency", Text, nullable=False),
    _minor("amount", nullable=True),  # of each period, as agreed; null: it varies
    Column("frequency_unit", Text),  # Day | Week | Month | Year | Variable; null: PaymentMethodOnFile
    Column("frequency_value", Integer),
    Column("state", Text, nullable=False),  # Chargeable | NonChargeable | Closed, as Amazon says
    Column("reasons", Text, nullable=False),  # JSON list of Amazon's reason codes
    _time("status_at"),  # Amazon's statusDetails.lastUpdatedTimestamp
    _minor("amount_limit", nullable=True),  # of a calendar month
    _minor("amount_balance", nullable=True),  # what is left of it, as read at ...
    _time("read_at"),  # ... this moment
    _time("expires_at", nullable=True),
    _time("last_charged_at", nullable=True),
    _time("closing_since", nullable=True),  # somebody asked us to close it and Amazon has not confirmed it yet
    Column("closing_reason", Text),
    _time("watch_at", nullable=True),  # when a sweep looks next; null: never
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("api_url", "charge_permission_id"),
    Index("ix_agreements_owner", "api_url", "customer_id", "created_at", "id"),
    Index("ix_agreements_page", "api_url", "created_at", "id"),
    Index("ix_agreements_state", "api_url", "state", "status_at"),
    Index("ix_agreements_expiry", "api_url", "expires_at"),
    _partial_index("ix_agreements_ended", "status_at", where="state = 'Closed' AND buyer_id IS NOT NULL"),
    _partial_index("ix_agreements_watch", "watch_at", where="watch_at IS NOT NULL"),
)

# When an agreement is charged next, and for which goods; at most one schedule of an agreement has not ended.
schedules = Table(
    "schedules",
    metadata,
    Column("id", Text, primary_key=True),
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("agreement_id", Text, ForeignKey("agreements.id"), nullable=False, index=True),
    Column("request_key", Text, nullable=False),  # the client's idempotency key, and what came with it
    Column("request_hash", Text, nullable=False),
    Column("template_order_id", Text, nullable=False),
    Column("lines", Text),  # JSON, domain.billing.ChosenLine: what is billed of it; null: all
    Column("channel_slug", Text, nullable=False),
    Column("currency", Text, nullable=False),
    _minor("amount", nullable=True),  # agreed total of each renewal; null: what the goods cost on the day
    # domain.recurrence: occurrence ``number`` counted from the anchor, at a local time of day
    Column("unit", Text, nullable=False),
    Column("every", Integer, nullable=False),
    Column("anchor", Text, nullable=False),  # 2027-01-31
    Column("at", Text, nullable=False),  # 09:00
    Column("zone", Text, nullable=False),
    Column("last_date", Text),  # nothing is billed after it
    Column("policy", Text, nullable=False),  # JSON, domain.billing.Policy
    Column("state", Text, nullable=False),  # active | paused | ended
    Column("reason", Text),  # why it is paused or has ended
    Column("next_number", Integer, nullable=False),
    _time("next_at", nullable=True),  # when it is due; null: not active, or a renewal is open
    Column("open_renewal_id", Text),
    _minor("last_amount", nullable=True),  # of the renewal billed last
    _time("untold_since", nullable=True),  # null: the template order's metadata in Saleor says how it stands
    _time("created_at"),
    _time("updated_at"),
    _time("ended_at", nullable=True),
    UniqueConstraint("api_url", "request_key"),
    Index("ix_schedules_page", "api_url", "created_at", "id"),
    Index("ix_schedules_template", "api_url", "template_order_id"),
    _partial_index("ix_schedules_due", "next_at", where="next_at IS NOT NULL"),
    _partial_index("ix_schedules_untold", "untold_since", where="untold_since IS NOT NULL"),
    _partial_index("uq_schedules_agreement", "agreement_id", where="state <> 'ended'", unique=True),
)

# One row for every period that came due: how it was billed, or why it was not.
renewals = Table(
    "renewals",
    metadata,
    Column("id", Text, primary_key=True),  # derived from agreement and period
    Column("schedule_id", Text, ForeignKey("schedules.id"), nullable=False),
    Column("agreement_id", Text, ForeignKey("agreements.id"), nullable=False),
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("period", Text, nullable=False),  # the local date it was due on
    _time("due_at"),
    Column("state", Text, nullable=False),  # domain.billing.RenewalState
    Column("step", Text, nullable=False),  # domain.billing.Step
    Column("attempt", Integer, nullable=False),  # each makes a checkout of its own
    Column("retries", Integer, nullable=False),  # of the dunning calendar, used up
    Column("checkout_id", Text),
    Column("transaction_id", Text),
    Column("order_id", Text),
    Column("order_number", Text),
    Column("currency", Text, nullable=False),
    _minor("amount", nullable=True),
    Column("reason_code", Text),
    Column("message", Text),
    _time("first_declined_at", nullable=True),
    _time("grace_until", nullable=True),
    _time("next_at", nullable=True),  # when somebody looks again; null: settled, or the schedule is paused
    Column("version", Integer, nullable=False),  # who writes must have seen the newest
    _time("created_at"),
    _time("updated_at"),
    _time("settled_at", nullable=True),
    UniqueConstraint("agreement_id", "period"),
    Index("ix_renewals_schedule", "schedule_id", "due_at"),
    Index("ix_renewals_page", "api_url", "due_at", "id"),
    Index("ix_renewals_transaction", "api_url", "transaction_id"),
    _partial_index("ix_renewals_due", "next_at", where="next_at IS NOT NULL"),
)

# What happened to a schedule, in order: its history, and what the merchant's endpoint is told.
billing_events = Table(
    "billing_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("schedule_id", Text, ForeignKey("schedules.id"), nullable=False),
    Column("renewal_id", Text),
    Column("type", Text, nullable=False),  # handlers.billing.events.EventType
    _time("at"),
    Column("detail", Text, nullable=False),  # JSON, the body's ``data``
    Column("state", Text, nullable=False),  # due | delivered | dead | kept (there was no endpoint)
    Column("attempts", Integer, nullable=False),
    _time("due_at"),
    Column("last_error", Text),
    Index("ix_billing_events_schedule", "schedule_id", "id"),
    _partial_index("ix_billing_events_due", "due_at", where="state = 'due'"),
    _partial_index("ix_billing_events_done", "at", where="state <> 'due'"),
)

# What a merchant chose for all schedules of a tenant.
billing_settings = Table(
    "billing_settings",
    metadata,
    Column("api_url", Text, ForeignKey("installations.api_url"), primary_key=True),
    Column("policy", Text, nullable=False),  # JSON, what new schedules begin with
    Column("webhook_url", Text),
    Column("webhook_secret_sealed", Text),
    _time("updated_at"),
)

# A customer agrees without a purchase (Saleor's tokenization): what was signed for them, until the session is done.
tokenizations = Table(
    "tokenizations",
    metadata,
    Column("id", Text, primary_key=True),  # derived; Amazon's session carries it as its merchantReferenceId
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("channel_slug", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("agreement_terms", Text, nullable=False),
    Column("state", Text, nullable=False),  # awaiting_buyer | completing | done | failed
    Column("session_id", Text),
    Column("agreement_id", Text),
    Column("message", Text),
    _time("created_at"),
    _time("updated_at"),
    Index("ix_tokenizations_created", "created_at"),
    _partial_index("ix_tokenizations_completing", "updated_at", where="state = 'completing'"),
)

# What a merchant's own scheduler asked to charge, by its idempotency key: the same key is the same charge for ever.
agreement_charges = Table(
    "agreement_charges",
    metadata,
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("agreement_id", Text, ForeignKey("agreements.id"), nullable=False),
    Column("body_hash", Text, nullable=False),  # of everything else that was asked
    Column("asked_by", Text, nullable=False),
    Column("transaction_id", Text),  # once Saleor has made it
    _time("created_at"),
    PrimaryKeyConstraint("api_url", "idempotency_key"),
    Index("ix_agreement_charges_agreement", "agreement_id", "created_at"),
)

# What Saleor asked (or we decided) to do with a payment ...
operations = Table(
    "operations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("kind", Text, nullable=False),  # domain.states.OperationKind
    Column("request_key", Text, nullable=False),  # the request's identity (DESIGN §4 rule 9)
    Column("body_hash", Text),
    Column("granted_refund_id", Text),
    _minor("amount"),
    Column("state", Text, nullable=False),  # domain.states.OperationState
    Column("attempt", Integer, nullable=False),  # rounds of planning; part of every idempotency key
    Column("psp_reference", Text),  # fixed once told to anyone (case 5)
    Column("announced", Integer, nullable=False),  # 1: answered asynchronously, the outcome is owed as a report
    Column("result", Text),
    _minor("result_amount", nullable=True),
    _time("result_time", nullable=True),
    Column("message", Text),
    _time("created_at"),
    _time("settled_at", nullable=True),
    Column("reason_code", Text),  # Amazon's, where it failed
    UniqueConstraint("payment_id", "kind", "request_key"),
    Index("ix_operations_body", "payment_id", "body_hash"),
    _partial_index("ix_operations_reference", "psp_reference", where="psp_reference IS NOT NULL"),
    _partial_index("ix_operations_unsettled", "created_at", where="state <> 'settled'"),
)

# ... and each CV2 request it takes, stored before it is sent: same key, same bytes, for ever.
calls = Table(
    "calls",
    metadata,
    Column("operation_id", Text, ForeignKey("operations.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("operation_name", Text, nullable=False),  # amazonpay.requests.OPERATIONS
    Column("method", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("charge_id", Text),
    _minor("amount"),
    Column("state", Text, nullable=False),  # committed | unresolved | done | rejected
    Column("amazon_id", Text),
    Column("reason_code", Text),
    _time("updated_at"),
    PrimaryKeyConstraint("operation_id", "attempt", "position"),
)

# The inbox of Amazon's notifications: a hint is stored before it is acknowledged.
notifications = Table(
    "notifications",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("account_id", Text, nullable=False),  # whose URL it came to; not necessarily its owner (case 16)
    Column("merchant_id", Text, nullable=False),
    Column("object_type", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("charge_permission_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # new | handled | ignored
    Column("note", Text),
    _time("received_at"),
    _time("handled_at", nullable=True),
    Index("ix_notifications_received", "received_at"),
)

reports = Table(
    "reports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("reference", Text, nullable=False),
    Column("type", Text, nullable=False),
    _minor("amount"),
    _time("time"),
    Column("message", Text, nullable=False),
    Column("actions", Text),  # JSON list, or null to leave Saleor's as they are
    Column("state", Text, nullable=False),  # due | delivered | dropped | dead
    _time("due_at"),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text),
    _time("created_at"),
    _time("delivered_at", nullable=True),
    UniqueConstraint("payment_id", "reference", "type"),
    _partial_index("ix_reports_due", "due_at", where="state = 'due'"),
    _partial_index("ix_reports_done", "delivered_at", where="state = 'delivered'"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("payment_id", Text, nullable=False),
    _time("at"),
    Column("kind", Text, nullable=False),  # request | call | answer | decision | report | notification | person
    Column("detail", Text, nullable=False),  # JSON, redacted before it is written
    Index("ix_timeline_payment", "payment_id", "id"),
    Index("ix_timeline_at", "at"),
)

# Amazon's settlement reports as imported, and each line with the payment it was matched with.
settlement_reports = Table(
    "settlement_reports",
    metadata,
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("report_id", Text, nullable=False),
    Column("report_type", Text, nullable=False),
    Column("state", Text, nullable=False),  # imported | unreadable | empty
    _time("start_at", nullable=True),
    _time("end_at", nullable=True),
    Column("line_count", Integer, nullable=False),
    Column("matched", Integer, nullable=False),
    Column("differing", Integer, nullable=False),
    Column("unmatched", Integer, nullable=False),
    Column("ambiguous", Integer, nullable=False, server_default=text("0")),
    Column("totals", Text, nullable=False),  # JSON, by currency
    Column("faults", Text, nullable=False),  # JSON: rows that are no line
    Column("unknown_columns", Text, nullable=False),  # JSON list
    Column("missing", Text, nullable=False),  # JSON: charges captured in its time that it does not have
    _time("created_at"),
    _time("imported_at"),
    PrimaryKeyConstraint("api_url", "account_id", "report_id"),
    Index("ix_settlement_reports_page", "api_url", "created_at", "report_id"),
)

settlement_lines = Table(
    "settlement_lines",
    metadata,
    Column("api_url", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("report_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    _time("posted_at", nullable=True),
    Column("settlement_id", Text, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("permission_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("order_number", Text, nullable=False),
    Column("currency", Text, nullable=False),
    _minor("amount"),
    _minor("fee"),
    _minor("net"),
    Column("match", Text, nullable=False),  # matched | differs | ambiguous | unmatched | account
    Column("payment_id", Text),
    Column("candidates", Text),  # JSON list: the payments an ambiguous line may belong to
    Column("difference", Text),
    PrimaryKeyConstraint("api_url", "account_id", "report_id", "number"),
    Index("ix_settlement_lines_match", "api_url", "match"),
)

# What buyers dispute of a captured charge: a chargeback or an A-to-z claim, as Amazon tells it.
disputes = Table(
    "disputes",
    metadata,
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("dispute_id", Text, nullable=False),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False, index=True),
    Column("charge_id", Text, nullable=False),
    Column("dispute_type", Text, nullable=False),
    Column("currency", Text, nullable=False),
    _minor("amount"),
    Column("filing_reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason_code", Text),
    Column("reason_description", Text),
    Column("resolution", Text),
    _time("respond_by", nullable=True),
    Column("evidence", Text, nullable=False),  # JSON list, as Amazon has it
    # The answer: committed with its key and bytes before it is sent.
    Column("contest_state", Text),  # committed | sent | refused
    Column("contest_key", Text),
    Column("contest_body", Text),
    Column("contest_by", Text),
    _time("look_at", nullable=True),  # when a sweep reads it again; null: it is over
    _time("created_at"),
    _time("status_at"),
    _time("read_at"),
    PrimaryKeyConstraint("api_url", "dispute_id"),
    Index("ix_disputes_page", "api_url", "created_at", "dispute_id"),
    _partial_index("ix_disputes_look", "look_at", where="look_at IS NOT NULL"),
)

# What staff have gathered against a dispute and not sent yet; a file is at Amazon already, under its id.
dispute_evidence = Table(
    "dispute_evidence",
    metadata,
    Column("id", Text, primary_key=True),
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("dispute_id", Text, nullable=False),
    Column("evidence_type", Text, nullable=False),
    Column("text", Text),
    Column("file_id", Text),
    Column("file_name", Text),
    Column("file_bytes", BigInteger),
    Column("by", Text, nullable=False),
    Column("is_sent", Integer, nullable=False),
    _time("created_at"),
    Index("ix_dispute_evidence_dispute", "api_url", "dispute_id", "created_at"),
)

# Amazon is told once for each permission and tracking number that a parcel is under way.
delivery_trackers = Table(
    "delivery_trackers",
    metadata,
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("charge_permission_id", Text, nullable=False),
    Column("tracking_number", Text, nullable=False),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False, index=True),
    Column("fulfillment_id", Text, nullable=False),
    Column("order_number", Text, nullable=False),
    Column("carrier_code", Text, nullable=False),
    Column("state", Text, nullable=False),  # due | sent | refused
    Column("reason_code", Text),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("api_url", "charge_permission_id", "tracking_number"),
)

# What staff asked for on the app's own pages: each form is sent once, however often its button is pressed.
staff_actions = Table(
    "staff_actions",
    metadata,
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("form_id", Text, nullable=False),  # made with the form
    Column("action", Text, nullable=False),  # domain.states.StaffAction
    _minor("amount", nullable=True),
    Column("user_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # begun | done | refused
    Column("message", Text),
    _time("created_at"),
    PrimaryKeyConstraint("payment_id", "form_id"),
)

# What the merchant has to repair, shown in Saleor as App Problems; a row goes when the problem is cured.
problems = Table(
    "problems",
    metadata,
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("key", Text, nullable=False),
    Column("message", Text, nullable=False),  # as Saleor is told, in English
    Column("sentence", Text),  # JSON: the same with what was filled in, for any language; null before 0021
    Column("critical", Integer, nullable=False),
    Column("state", Text, nullable=False),  # raised | shown | cured
    _time("raised_at"),
    _time("check_at"),  # when it is next looked whether the problem is still there
    PrimaryKeyConstraint("api_url", "key"),
    Index("ix_problems_check", "check_at"),
)

# Where Saleor's and Amazon's amounts of a payment differ: a report the merchant can read.
drift = Table(
    "drift",
    metadata,
    Column("payment_id", Text, ForeignKey("payments.id"), primary_key=True),
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False, index=True),
    Column("currency", Text, nullable=False),
    Column("differences", Text, nullable=False),  # JSON: [{"of", "saleor", "amazon"}], minor units
    _time("found_at"),
    _time("checked_at"),
)

# Orders of CV1 being taken over: who works on one has its claim; the transaction is noted once it is known.
cv1_adoptions = Table(
    "cv1_adoptions",
    metadata,
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("permission_id", Text, nullable=False),  # the Order Reference or Billing Agreement
    Column("order_id", Text),
    Column("order_number", Text),
    Column("transaction_id", Text),
    Column("claim_fence", BigInteger, nullable=False),
    _time("claimed_until"),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("api_url", "permission_id"),
)

# Amazon's token buckets as all replicas have drawn on them (decisions/0010).
rate_limits = Table(
    "rate_limits",
    metadata,
    Column("seller", Text, nullable=False),  # merchant id and environment: Amazon counts per seller, not per key
    Column("operation", Text, nullable=False),
    _time("full_at"),  # when the bucket will be full again: one number says how much is in it
    _time("paused_until"),  # after a 429
    PrimaryKeyConstraint("seller", "operation"),
)

# Sign-in with Amazon: each token is taken once, so its hash is kept for a while ...
buyer_tokens = Table(
    "buyer_tokens",
    metadata,
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("token_hash", Text, nullable=False),  # SHA-256: nobody signs in with what is stored
    _time("taken_at"),
    PrimaryKeyConstraint("api_url", "token_hash"),
    Index("ix_buyer_tokens_taken", "taken_at"),
)

# ... and a customer's Amazon account, linked by proof of both. A buyerId is another one for each merchant.
buyer_links = Table(
    "buyer_links",
    metadata,
    Column("api_url", Text, ForeignKey("installations.api_url"), nullable=False),
    Column("merchant_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("buyer_id", Text, nullable=False),
    _time("linked_at"),
    PrimaryKeyConstraint("api_url", "merchant_id", "customer_id"),
    UniqueConstraint("api_url", "merchant_id", "buyer_id"),
)
