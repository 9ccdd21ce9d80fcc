"""``saleor-amazonpay accounts keys …``: pairs made by the app, and the second pair of an account for changing keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from saleor_amazonpay.cli_tenant import BY, Json, Reference, Tenant, done, id_of_account, print_json, run
from saleor_amazonpay.handlers import key_pairs
from saleor_amazonpay.handlers.key_pairs import GeneratedPair, SecondPair
from saleor_amazonpay.handlers.services import Services

app = typer.Typer(
    help="Key pairs: make one here, change an account's keys while payments go on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_PUBLIC_KEY_ID = typer.Option("--public-key-id", help="What Amazon calls the second pair, e.g. SANDBOX-AEXAMPLEKEYID.")
PrivateKey = Annotated[
    typer.FileText | None,
    typer.Option("--private-key", metavar="FILE", help="The private key's PEM file; - reads standard input."),
]
KeyPair = Annotated[
    str | None, typer.Option("--key-pair", metavar="ID", help="A pair of `accounts keys generate`, in place of a file.")
]


@app.command()
def generate(tenant: Tenant = None, as_json: Json = False) -> None:
    """Make a key pair. The private key never leaves the app; the public one is printed, for Seller Central.

    Then give its id to `accounts add`, `accounts update` or `accounts keys add` as --key-pair, with the public key ID
    that Amazon shows. A pair that no account took within 30 days is forgotten.
    """

    async def work(services: Services, api_url: str) -> GeneratedPair:
        return await key_pairs.generate(services, api_url, by=BY)

    pair = run(work, tenant, as_json=as_json)
    text = f"key pair     {pair.id}\nfingerprint  {pair.fingerprint}\n\n{pair.public_key.rstrip()}"
    document = {"id": pair.id, "publicKey": pair.public_key, "fingerprint": pair.fingerprint}
    done(text, document, as_json=as_json)


@app.command()
def show(account: Reference, tenant: Tenant = None, as_json: Json = False) -> None:
    """Show the second pair of an account, if it has one; private keys are never shown."""

    async def work(services: Services, api_url: str) -> SecondPair | None:
        return await key_pairs.second(services, api_url, await id_of_account(services, api_url, account))

    pair = run(work, tenant, as_json=as_json)
    if as_json:
        print_json(_json(pair) if pair else None)
    else:
        typer.echo(_text(pair) if pair else "There is no second key pair.")


@app.command()
def add(
    account: Reference,
    public_key_id: Annotated[str, _PUBLIC_KEY_ID],
    private_key: PrivateKey = None,
    key_pair: KeyPair = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Store a second pair beside the one in use, once Amazon Pay has accepted it; a former second pair is replaced."""
    pem = private_key.read() if private_key else ""

    async def work(services: Services, api_url: str) -> SecondPair:
        return await key_pairs.add_second(
            services,
            api_url,
            await id_of_account(services, api_url, account),
            public_key_id=public_key_id,
            private_key=pem,
            pair_id=key_pair,
            by=BY,
        )

    pair = run(work, tenant, as_json=as_json)
    done(f"Amazon Pay accepts the second key pair:\n{_text(pair)}", _json(pair), as_json=as_json)


@app.command()
def switch(account: Reference, tenant: Tenant = None, as_json: Json = False) -> None:
    """Sign with the second pair from now on; the one in use before becomes the second, to go back to."""

    async def work(services: Services, api_url: str) -> SecondPair:
        return await key_pairs.switch(services, api_url, await id_of_account(services, api_url, account), by=BY)

    former = run(work, tenant, as_json=as_json)
    done(f"The second key pair is in use. Kept as the second:\n{_text(former)}", _json(former), as_json=as_json)


@app.command()
def remove(account: Reference, tenant: Tenant = None, as_json: Json = False) -> None:
    """Forget the second pair. Delete it in Seller Central too."""

    async def work(services: Services, api_url: str) -> str:
        account_id = await id_of_account(services, api_url, account)
        await key_pairs.remove_second(services, api_url, account_id, by=BY)
        return account_id

    account_id = run(work, tenant, as_json=as_json)
    done("The second key pair is forgotten. Delete it in Seller Central too.", {"id": account_id}, as_json=as_json)


def _text(pair: SecondPair) -> str:
    return f"  public key ID  {pair.public_key_id}\n  private key    fingerprint {pair.fingerprint}"


def _json(pair: SecondPair) -> dict[str, Any]:
    return {"publicKeyId": pair.public_key_id, "fingerprint": pair.fingerprint, "createdAt": pair.created_at}
