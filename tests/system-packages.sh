#!/usr/bin/env bash
# Installs what the tests need beside Python: a PostgreSQL server, Chromium, Node with npm, promtool.
# Nothing is done when all of it is there.
set -euo pipefail

have() { command -v "$1" >/dev/null; }

postgresql_server() { have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

missing=()
postgresql_server || missing+=(postgresql)
have chromium || have chromium-browser || have google-chrome || missing+=(chromium)
have node || missing+=(nodejs)
have npm || missing+=(npm)
have promtool || missing+=(prometheus)

if ((${#missing[@]} == 0)); then
  exit 0
fi

if ! have apt-get || ((EUID != 0)); then
  echo "The tests need these system packages: ${missing[*]}" >&2
  echo "Install them, on Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi

echo "Installing system packages for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}" >/dev/null
