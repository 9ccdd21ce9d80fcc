"""Rows of ids put together by the Order Reference they belong to, so that each order is read and told once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from saleor_amazonpay.domain.cv1.identifiers import Cv1Id, Cv1Kind, NotACv1Id
from saleor_amazonpay.errors import AppError, ConfigurationError, SaleorRefused
from saleor_amazonpay.handlers.cv1 import adopting, agreements
from saleor_amazonpay.handlers.cv1.adopting import Outcome, Result
from saleor_amazonpay.handlers.cv1.finding import Request
from saleor_amazonpay.handlers.cv1.reading import Refused
from saleor_amazonpay.handlers.services import Deadline, Services

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One id and what it belongs to; columns may be empty where another row of the same order has them.

    ``line`` is its place in a file, 0 where there is none.
    """

    amazon_id: str
    order: str = ""
    external_reference: str = ""
    transaction: str = ""
    account: str = ""
    customer: str = ""
    line: int = 0


COLUMNS: Final = ("order", "external_reference", "transaction", "account", "customer")
"""What a row may say beside its id."""


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one Order Reference or agreement; ``places`` are theirs among all rows, in the order of the ids."""

    request: Request
    places: Sequence[int]


def grouped(rows: Sequence[Row], *, is_dry_run: bool) -> tuple[list[Group], dict[int, Outcome]]:
    """The orders to adopt, and by its place each row that cannot be part of one."""
    refused: dict[int, Outcome] = {}
    parsed: dict[str, list[tuple[int, Row, Cv1Id]]] = {}
    for place, row in enumerate(rows):
        try:
            id_ = Cv1Id.parse(row.amazon_id)
        except NotACv1Id as wrong:
            refused[place] = Outcome(row.amazon_id.strip()[:60], Result.REFUSED, wrong.code, str(wrong))
        else:
            parsed.setdefault(id_.permission_id, []).append((place, row, id_))
    groups = [_group(members, refused, is_dry_run=is_dry_run) for members in parsed.values()]
    return groups, refused


def _group(members: Sequence[tuple[int, Row, Cv1Id]], refused: dict[int, Outcome], *, is_dry_run: bool) -> Group:
    """What the first row says holds; a row that says something else is refused."""
    said = dict.fromkeys(COLUMNS, "")
    kept: list[tuple[int, Cv1Id]] = []
    for place, row, id_ in members:
        given = {name: getattr(row, name).strip() for name in COLUMNS}
        differs = [name for name in COLUMNS if given[name] and said[name] and given[name] != said[name]]
        if differs:
            message = f"Another row of {id_.permission_id} has {differs[0]} {said[differs[0]]!r}."
            refused[place] = Outcome(id_.text, Result.REFUSED, "CONTRADICTS", message)
            continue
        said = {name: said[name] or given[name] for name in COLUMNS}
        kept.append((place, id_))
    request = Request(
        ids=[id_ for _, id_ in kept],
        order=said["order"],
        external_reference=said["external_reference"],
        transaction_id=said["transaction"],
        account_id=said["account"],
        customer_id=said["customer"],
        is_dry_run=is_dry_run,
    )
    return Group(request, [place for place, _ in kept])


Adopt = Callable[[Services, str, Request, Deadline], Awaitable[list[Outcome]]]

_BY_KIND: Final[Mapping[Cv1Kind, Adopt]] = {Cv1Kind.BILLING_AGREEMENT: agreements.adopt}


async def adopt_group(services: Services, api_url: str, group: Group, deadline: Deadline) -> list[Outcome]:
    """An outcome for each id of the group, whatever happens: one bad row never stops the others."""
    request = group.request
    adopt = _BY_KIND.get(request.ids[0].kind, adopting.adopt)
    try:
        return await adopt(services, api_url, request, deadline)
    except Refused as refusal:
        return _all(request, Result.REFUSED, refusal.reason, refusal.public_message)
    except (SaleorRefused, ConfigurationError) as refusal:
        return _all(request, Result.REFUSED, refusal.code, refusal.public_message)
    except AppError as absence:
        return _all(request, Result.LATER, absence.code, absence.public_message or "It did not work now.")
    except Exception:
        log.exception("cv1_adoption_failed", permission=request.permission_id)
        message = "This did not work because of an internal fault; the app's operator finds it in the log."
        return _all(request, Result.LATER, "INTERNAL_ERROR", message)


def _all(request: Request, result: Result, reason: str, message: str) -> list[Outcome]:
    return [Outcome(id_.text, result, reason, message) for id_ in request.ids]


async def adopt_rows(
    services: Services, api_url: str, rows: Sequence[Row], deadline: Deadline, *, is_dry_run: bool = False
) -> list[Outcome]:
    """An outcome for each row, in their order."""
    groups, outcomes = grouped(rows, is_dry_run=is_dry_run)
    for group in groups:
        done = await adopt_group(services, api_url, group, deadline)
        outcomes |= dict(zip(group.places, done, strict=True))
    return [replace(outcomes[place]) for place in range(len(rows))]
