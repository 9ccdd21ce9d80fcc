# Builder: the locked dependencies and the app, byte-compiled, in /opt/venv.
FROM python:3.11-slim-bookworm AS builder

ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON_DOWNLOADS=never

RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src

# Dependencies first: this layer changes only with the lock file.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project

COPY README.md LICENSE manifest.json ./
COPY webhooks ./webhooks
COPY graphql ./graphql
COPY examples/storefront ./examples/storefront
COPY saleor_amazonpay ./saleor_amazonpay
RUN uv sync --frozen --no-dev --no-editable

# Final: no compiler, no uv, no source tree, no root.
FROM python:3.11-slim-bookworm

LABEL org.opencontainers.image.title="saleor-amazonpay" \
      org.opencontainers.image.description="Saleor payment app for Amazon Pay Checkout v2" \
      org.opencontainers.image.licenses="MIT"

RUN groupadd --system --gid 10001 app \
    && useradd --system --uid 10001 --gid app --home-dir /data --shell /usr/sbin/nologin app \
    && install --directory --owner=app --group=app /data

COPY --from=builder /opt/venv /opt/venv

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PORT=8000 \
    DATABASE_URL=sqlite:////data/saleor-amazonpay.db

USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=15s --timeout=4s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:%s/health/live' % os.environ['PORT'], timeout=3)"]

CMD ["saleor-amazonpay", "serve"]
