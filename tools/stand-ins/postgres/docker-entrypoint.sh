#!/bin/bash
# The server, and a cluster for it at the first start: what people rely on in the official image.
set -euo pipefail

[[ ${1-} != -* ]] || set -- postgres "$@"
[ "${1-}" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown -R postgres "$PGDATA"
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

[ ! -s "$PGDATA/PG_VERSION" ] || exec "$@"

setting() { # name, default: from the variable, or from the file that <name>_FILE names
  local file=${1}_FILE
  if [ -n "${!file-}" ]; then
    cat "${!file}"
  else
    echo "${!1:-${2-}}"
  fi
}

password=$(setting POSTGRES_PASSWORD)
user=$(setting POSTGRES_USER postgres)
database=$(setting POSTGRES_DB "$user")
method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}

if [ -z "$password" ] && [ "$method" != trust ]; then
  echo "postgres: set POSTGRES_PASSWORD to a superuser password, or POSTGRES_HOST_AUTH_METHOD=trust." >&2
  exit 1
fi

# shellcheck disable=SC2086
initdb --username="$user" --auth=trust ${password:+--pwfile=<(echo "$password")} ${POSTGRES_INITDB_ARGS-}
echo "host all all all $method" >>"$PGDATA/pg_hba.conf"

# Until all is set up, the server is there for this script only.
pg_ctl --wait start -o "-c listen_addresses=''"
run_sql() { psql --no-psqlrc -v ON_ERROR_STOP=1 --username "$user" --dbname "$database" "$@"; }
if [ "$database" != postgres ]; then
  createdb --username "$user" --maintenance-db postgres "$database"
fi
export PGUSER=$user PGDATABASE=$database POSTGRES_USER=$user POSTGRES_DB=$database
# shellcheck source=/dev/null
for file in /docker-entrypoint-initdb.d/*; do
  case $file in
    *.sql) run_sql --file "$file" ;;
    *.sql.gz) gunzip -c "$file" | run_sql ;;
    *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
  esac
done
unset PGUSER PGDATABASE
pg_ctl --wait --mode=fast stop

exec "$@"
