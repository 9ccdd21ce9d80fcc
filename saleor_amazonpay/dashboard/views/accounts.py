"""Amazon Pay accounts: the list, one account, its form, its keys, moving one to another installation."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from saleor_amazonpay.amazonpay import Region, environment_of
from saleor_amazonpay.dashboard.pages import Answer, Download, Go, MenuEntry, PageNotFound, Pages, Screen, Visit
from saleor_amazonpay.dashboard.views import account_form, account_transfer
from saleor_amazonpay.dashboard.views.account_form import Entered
from saleor_amazonpay.handlers import accounts as rules
from saleor_amazonpay.handlers import key_pairs
from saleor_amazonpay.handlers.account_fields import AccountErrorCode, AccountErrors
from saleor_amazonpay.handlers.accounts import AccountView
from saleor_amazonpay.handlers.key_pairs import GeneratedPair
from saleor_amazonpay.messages import Message, marked
from saleor_amazonpay.storage import notifications as notification_rows

pages = Pages()

_NEW: Final = Message("New account")


@pages.get("/accounts", menu=MenuEntry(marked("Accounts"), order=20, icon="account"))
async def listing(visit: Visit) -> Answer:
    found = await rules.accounts(visit.services, visit.tenant)
    return Screen("accounts.html", title=Message("Accounts"), accounts=found)


# --- A new one


@pages.get("/accounts/new")
async def new(visit: Visit) -> Answer:
    """An empty form, or one filled from the account to be duplicated."""
    original = visit.query.text("copy")
    entered = account_form.blank()
    if original:
        view = await _account(visit, original)
        copied = account_form.of_account(view)
        name = visit.say(Message("Copy of {name}", name=view.name))
        key_of = view.id if view.state != "locked" else ""
        entered = replace(copied, values={**copied.values, "name": name}, as_of="", key_of=key_of)
    return _form(entered)


@pages.post("/accounts/new")
async def create(visit: Visit) -> Answer:
    given, key_from = account_form.fields_of(visit.form), account_form.key_from(visit.form)
    try:
        view = await rules.create(visit.services, visit.tenant, given, key_from=key_from, by=visit.by)
    except AccountErrors as refused:
        return await _again(visit, refused)
    return Go(f"/accounts/{view.id}", Message("Amazon Pay accepts the keys. {name} is saved.", name=view.name))


@pages.post("/accounts/new/key-pair")
async def generate_for_new(visit: Visit) -> Answer:
    pair = await key_pairs.generate(visit.services, visit.tenant, by=visit.by)
    return _form(account_form.of_form(visit.form, pair=pair), unsaved=True)


@pages.get("/accounts/import")
async def choose_file(_visit: Visit) -> Answer:
    return Screen("account_import.html", title=Message("Import an account"), fault=None, text="")


@pages.post("/accounts/import")
async def read_file(visit: Visit) -> Answer:
    """The form of a new account, filled from the file; nothing is stored before it is saved."""
    text = visit.form.text("document")
    try:
        entered = account_transfer.read(text)
    except account_transfer.NotAnAccount as fault:
        title = Message("Import an account")
        return Screen("account_import.html", title=title, status=422, fault=fault.sentence, text=text[:20_000])
    return _form(entered, unsaved=True)


# --- One of them


@pages.get("/accounts/{account_id}")
async def account(visit: Visit) -> Answer:
    return await _one(visit, await _account(visit, visit.path["account_id"]))


@pages.get("/accounts/{account_id}/edit")
async def edit(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    return _form(account_form.of_account(view), view)


@pages.post("/accounts/{account_id}/edit")
async def update(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    try:
        view = await rules.update(
            visit.services,
            visit.tenant,
            view.id,
            account_form.fields_of(visit.form),
            as_of=account_form.as_of(visit.form),
            key_from=account_form.key_from(visit.form),
            by=visit.by,
        )
    except AccountErrors as refused:
        return await _again(visit, refused, view)
    return Go(f"/accounts/{view.id}", Message("{name} is saved.", name=view.name))


@pages.post("/accounts/{account_id}/edit/key-pair")
async def generate_for_edit(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    pair = await key_pairs.generate(visit.services, visit.tenant, by=visit.by)
    return _form(account_form.of_form(visit.form, pair=pair), view, unsaved=True)


@pages.post("/accounts/{account_id}/test")
async def test(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    try:
        await rules.test(visit.services, visit.tenant, view.id)
    except AccountErrors as refused:
        return await _one(visit, view, refused)
    return Go(f"/accounts/{view.id}", Message("Amazon Pay accepts the keys of {name}.", name=view.name))


@pages.post("/accounts/{account_id}/archive")
async def archive(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    try:
        view = await rules.archive(visit.services, visit.tenant, view.id, by=visit.by)
    except AccountErrors as refused:
        return await _one(visit, view, refused)
    return Go("/accounts", Message("{name} is archived. Its payments go on.", name=view.name))


@pages.post("/accounts/{account_id}/restore")
async def restore(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    try:
        view = await rules.restore(visit.services, visit.tenant, view.id, by=visit.by)
    except AccountErrors as refused:
        return await _one(visit, view, refused)
    return Go(f"/accounts/{view.id}", Message("{name} may be used again.", name=view.name))


@pages.post("/accounts/{account_id}/delete")
async def delete(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    try:
        view = await rules.delete(visit.services, visit.tenant, view.id, by=visit.by)
    except AccountErrors as refused:
        return await _one(visit, view, refused)
    return Go("/accounts", Message("{name} is deleted.", name=view.name))


@pages.get("/accounts/{account_id}/export")
async def export(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    name = re.sub(r"[^A-Za-z0-9]+", "-", view.name).strip("-").lower() or "account"
    return Download(f"amazon-pay-{name}.json", account_transfer.written(view))


# --- Its second key pair


@pages.get("/accounts/{account_id}/keys")
async def keys(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    pair = await _waiting(visit, visit.query.text("pair"))
    return await _keys(visit, view, pair=pair)


@pages.post("/accounts/{account_id}/keys/generate")
async def generate_second(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    pair = await key_pairs.generate(visit.services, visit.tenant, by=visit.by)
    return Go(f"/accounts/{view.id}/keys?pair={quote(pair.id)}", Message("A key pair was generated."))


@pages.post("/accounts/{account_id}/keys")
async def add_second(visit: Visit) -> Answer:
    view, form = await _account(visit, visit.path["account_id"]), visit.form
    try:
        await key_pairs.add_second(
            visit.services,
            visit.tenant,
            view.id,
            public_key_id=form.text("publicKeyId"),
            private_key=form.text("privateKey"),
            pair_id=form.text("keyPair") or None,
            by=visit.by,
        )
    except AccountErrors as refused:
        return await _keys(visit, view, refused, pair=await _waiting(visit, form.text("keyPair")))
    return Go(
        f"/accounts/{view.id}/keys", Message("Amazon Pay accepts the second key pair. Switch to it when you like.")
    )


@pages.post("/accounts/{account_id}/keys/switch")
async def switch(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    try:
        former = await key_pairs.switch(visit.services, visit.tenant, view.id, by=visit.by)
    except AccountErrors as refused:
        return await _keys(visit, view, refused)
    done = Message("The other key pair is in use. {former} is kept until you remove it.", former=former.public_key_id)
    return Go(f"/accounts/{view.id}/keys", done)


@pages.post("/accounts/{account_id}/keys/remove")
async def remove_second(visit: Visit) -> Answer:
    view = await _account(visit, visit.path["account_id"])
    try:
        await key_pairs.remove_second(visit.services, visit.tenant, view.id, by=visit.by)
    except AccountErrors as refused:
        return await _keys(visit, view, refused)
    return Go(f"/accounts/{view.id}/keys", Message("The second key pair is removed. Delete it in Seller Central too."))


# --- Screens


async def _account(visit: Visit, account_id: str) -> AccountView:
    try:
        return await rules.account(visit.services, visit.tenant, account_id)
    except AccountErrors as error:
        raise PageNotFound from error


async def _waiting(visit: Visit, pair_id: str) -> GeneratedPair | None:
    return await key_pairs.generated(visit.services, visit.tenant, pair_id) if pair_id else None


async def _again(visit: Visit, refused: AccountErrors, view: AccountView | None = None) -> Answer:
    """The form as it was entered, with what is wrong."""
    pair = await _waiting(visit, visit.form.text("keyPair"))
    entered = account_form.of_form(visit.form, refused.errors, pair=pair)
    return _form(entered, view, status=422, unsaved=True)


def _form(entered: Entered, view: AccountView | None = None, *, status: int = 200, unsaved: bool = False) -> Answer:
    title = Message("Edit {name}", name=view.name) if view else _NEW
    context: dict[str, Any] = {
        "entered": entered,
        "account": view,
        "unsaved": unsaved,
        "choices": account_form.CHOICES,
        "regions": account_form.REGIONS,
        "languages": account_form.languages(),
        "seller_central": _seller_central(entered.value("region")),
        "asks_environment": bool(entered.value("publicKeyId")) and environment_of(entered.value("publicKeyId")) is None,
        "conflict": any(error.code is AccountErrorCode.CONFLICT for error in entered.general),
    }
    return Screen("account_form.html", title=title, status=status, **context)


def _seller_central(region: str) -> str | None:
    return Region(region).seller_central_url if region in set(Region) else None


async def _one(visit: Visit, view: AccountView, refused: AccountErrors | None = None) -> Answer:
    received = await visit.services.database.read(lambda session: notification_rows.last_received(session, view.id))
    return Screen(
        "account.html",
        title=Message("{name}", name=view.name),
        status=422 if refused else 200,
        account=view,
        faults=refused.errors if refused else (),
        second=await key_pairs.second(visit.services, visit.tenant, view.id),
        last_notification=received,
        seller_central=Region(view.region).seller_central_url,
        choices=account_form.CHOICES,
    )


async def _keys(
    visit: Visit, view: AccountView, refused: AccountErrors | None = None, *, pair: GeneratedPair | None = None
) -> Answer:
    entered = account_form.of_form(visit.form, refused.errors if refused else (), pair=pair)
    return Screen(
        "account_keys.html",
        title=Message("Keys of {name}", name=view.name),
        status=422 if refused else 200,
        account=view,
        entered=entered,
        unsaved=refused is not None,
        second=await key_pairs.second(visit.services, visit.tenant, view.id),
        seller_central=Region(view.region).seller_central_url,
    )
