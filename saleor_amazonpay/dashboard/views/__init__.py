"""The pages, one module a theme. A module is named here once; its routes, menu entry and checks follow from it."""

from __future__ import annotations

from saleor_amazonpay.dashboard.views import (
    accounts,
    agreements,
    channels,
    cv1,
    disputes,
    health,
    overview,
    payments,
    problems,
    settlements,
    subscriptions,
    widgets,
)

MODULES = (
    overview,
    accounts,
    channels,
    payments,
    agreements,
    subscriptions,
    disputes,
    settlements,
    cv1,
    problems,
    health,
    widgets,
)
