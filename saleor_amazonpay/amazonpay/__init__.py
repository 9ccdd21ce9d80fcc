"""Amazon Pay Checkout v2 (CV2) for Python, usable without Saleor.

transport = AiohttpTransport()                        # one per process
credentials = Credentials(
    public_key_id="SANDBOX-AEXAMPLE",
    private_key=load_private_key(pem),
    region=Region.JP,
    environment=Environment.SANDBOX,
)
client = AmazonPayClient(credentials, transport, SystemClock())
request = requests.capture_charge(charge_id, Money.parse("1200", "JPY"), idempotency_key=key)
answer = await client.execute(request, budget=10.0)   # Rejected | Unavailable | Unresolved
assert answer.value.state == ChargeState.CAPTURED
"""

from saleor_amazonpay.amazonpay import errors, identifiers, models, payloads, requests, states
from saleor_amazonpay.amazonpay.client import (
    AmazonPayClient,
    Answer,
    Attempt,
    ButtonSignature,
    CreateCheckoutSessionConfig,
    Credentials,
    Gate,
    Observer,
)
from saleor_amazonpay.amazonpay.errors import MESSAGES, STATE_CONFLICTS
from saleor_amazonpay.amazonpay.keys import (
    fingerprint,
    generate_key_pair,
    load_private_key,
    load_trusted_private_key,
    matches,
    public_pem_of,
)
from saleor_amazonpay.amazonpay.models import (
    Address,
    Buyer,
    Charge,
    ChargePermission,
    CheckoutSession,
    Dispute,
    Price,
    Refund,
    parse_timestamp,
)
from saleor_amazonpay.amazonpay.redaction import redact
from saleor_amazonpay.amazonpay.regions import Environment, Region, environment_of, path_prefix
from saleor_amazonpay.amazonpay.requests import OPERATIONS, ApiRequest, Operation
from saleor_amazonpay.amazonpay.signing import Algorithm
from saleor_amazonpay.amazonpay.states import (
    ChargePermissionState,
    ChargeState,
    CheckoutSessionState,
    DisputeState,
    ReasonCode,
    RefundState,
)
from saleor_amazonpay.amazonpay.transport import AiohttpTransport, NoAnswer, NotSent, RawAnswer, Transport

__all__ = [
    "MESSAGES",
    "OPERATIONS",
    "STATE_CONFLICTS",
    "Address",
    "AiohttpTransport",
    "Algorithm",
    "AmazonPayClient",
    "Answer",
    "ApiRequest",
    "Attempt",
    "ButtonSignature",
    "Buyer",
    "Charge",
    "ChargePermission",
    "ChargePermissionState",
    "ChargeState",
    "CheckoutSession",
    "CheckoutSessionState",
    "CreateCheckoutSessionConfig",
    "Credentials",
    "Dispute",
    "DisputeState",
    "Environment",
    "Gate",
    "NoAnswer",
    "NotSent",
    "Observer",
    "Operation",
    "Price",
    "RawAnswer",
    "ReasonCode",
    "Refund",
    "RefundState",
    "Region",
    "Transport",
    "environment_of",
    "errors",
    "fingerprint",
    "generate_key_pair",
    "identifiers",
    "load_private_key",
    "load_trusted_private_key",
    "matches",
    "models",
    "parse_timestamp",
    "path_prefix",
    "payloads",
    "public_pem_of",
    "redact",
    "requests",
    "states",
]
