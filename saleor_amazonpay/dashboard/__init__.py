"""The merchant's page inside the Saleor Dashboard: server-rendered, moved by htmx, framed by Saleor's AppBridge.

How a visit goes. The Dashboard opens ``/dashboard…?saleorApiUrl=…`` in an iframe. That first answer is an empty
*shell* (``shell.py``): scripts, styles, no data, and a policy that lets only that Saleor frame it. ``static/app.js``
takes the Dashboard's token by AppBridge's handshake and asks for the same path again, now with ``Authorization``,
``Saleor-Api-Url`` and the Dashboard's language; every link and form of a page goes that way, no cookie exists.
``routing.py`` verifies the token for every such request before any code of a page runs, and renders what it returns.

How to add a page:

1. A module in ``views/`` with its own ``pages = Pages()``::

       pages = Pages()

       @pages.get("/refunds", menu=MenuEntry(marked("Refunds"), order=45, icon="refund"))
       async def listing(visit: Visit) -> Answer:
           rows = await handlers.refunds(visit.services, visit.tenant)
           return Screen("refunds.html", title=Message("Refunds"), rows=rows)

       @pages.post("/refunds/{refund_id}/retry")
       async def retry(visit: Visit) -> Answer:
           await handlers.retry(visit.services, visit.tenant, visit.path["refund_id"], by=visit.by)
           return Go("/refunds", Message("The refund is asked for again."))

   Paths are below ``/dashboard``. The user needs ``MANAGE_APPS`` and ``HANDLE_PAYMENTS`` unless ``permissions=`` says
   otherwise. A view only translates between the form and a handler: rules stay in ``handlers/``. What the user can
   repair is an ``AppError``; raised from a view it becomes a page with its message and status. ``menu=None`` (default)
   keeps a page out of the navigation; ``frame="widget"`` renders it without navigation, for extension mounts.
2. Its line in ``views/__init__.py``.
3. A template in ``templates/`` that extends ``layout.html`` (fill ``{% block content %}``; ``{% import "parts.html" as
   parts with context %}`` has cards, badges, fields, tables, empty states). Plain HTML: a link is ``<a href="{{
   url('/refunds') }}">``, a form ``<form method="post" action="{{ url(…) }}">``; a button with ``data-confirm="…"``
   asks first, ``data-guard`` on a form warns of unsaved changes, ``<time>`` comes from ``{{ moment | time }}``, an
   amount from ``{{ money | amount }}``. No inline style or script: the policy refuses them.
4. ``translations/ja/<module>.toml``: every sentence of the template (``{{ _("…") }}``, ``{% trans %}``) and every
   ``Message("…")``/``marked("…")`` in Python, as ``"English" = "日本語"``. A missing one fails
   ``tests/dashboard/test_translations.py``.

``tests/dashboard/test_access.py`` makes its table from the routes: a page cannot be added without the token being
checked there. ``tests/dashboard/conftest.py`` has ``dashboard`` (ask for pages as the right user) and, in
``tests/browser/dashboard/``, ``frame`` (the page within the Dashboard's side of AppBridge, in Chromium).
"""
