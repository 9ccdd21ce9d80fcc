"""Fixtures: databases that are empty, migrated, opened; on both engines unless the name says which.

| fixture | gives |
|---|---|
| ``database_url`` | a migrated database, once on SQLite and once on PostgreSQL |
| ``database`` | the same, opened |
| ``empty_database_url`` | without tables |
| ``sqlite_url``, ``postgresql_url`` | a migrated database of one kind |
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from saleor_amazonpay.storage import migrate
from saleor_amazonpay.storage.engine import Database
from tests.databases import postgresql_cluster as start_cluster

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql_cluster():
    with start_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgresql_template(postgresql_cluster):
    postgresql_cluster.execute("CREATE DATABASE app_template TEMPLATE template0")
    migrate.upgrade(postgresql_cluster.url("app_template"))
    return "app_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template, tmp_path):
    path = tmp_path / "app.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql_cluster, postgresql_template):
    with postgresql_cluster.database(postgresql_template) as url:
        yield url


@pytest.fixture(params=ENGINES)
def database_url(request):
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def empty_sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path / 'empty' / 'app.db'}"


@pytest.fixture
def empty_postgresql_url(postgresql_cluster):
    with postgresql_cluster.database() as url:
        yield url


@pytest.fixture(params=ENGINES)
def empty_database_url(request):
    return request.getfixturevalue(f"empty_{request.param}_url")


@pytest.fixture
async def database(database_url):
    async with Database.connect(database_url) as database:
        yield database
