#!/bin/sh
# Makes the database where PGDATA is empty, and becomes the server.
set -eu

# value_of NAME [DEFAULT]: of the variable, or of the file that NAME_FILE names.
value_of() {
    eval "given=\${$1:-} file=\${$1_FILE:-}"
    # shellcheck disable=SC2154 # the line above sets both
    if [ -n "$given" ] && [ -n "$file" ]; then
        echo "Both $1 and $1_FILE are set: set one of them." >&2
        exit 1
    fi
    [ -z "$file" ] || given=$(cat "$file")
    printf '%s' "${given:-${2:-}}"
}

create() {
    user=$(value_of POSTGRES_USER postgres)
    password=$(value_of POSTGRES_PASSWORD)
    database=$(value_of POSTGRES_DB "$user")
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$password" ] && [ "$method" != trust ]; then
        echo "The database has no password yet: set POSTGRES_PASSWORD, or POSTGRES_PASSWORD_FILE." >&2
        exit 1
    fi
    secret=$(mktemp)
    printf '%s\n' "$password" >"$secret"
    # shellcheck disable=SC2086 # several arguments, where there are any
    initdb --username="$user" --pwfile="$secret" --auth-local=trust --auth-host="$method" \
        --encoding=UTF8 --locale=C.UTF-8 ${POSTGRES_INITDB_ARGS:-}
    rm "$secret"
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

    # Nobody but these lines reaches it until all is made.
    pg_ctl start --wait --options="-c listen_addresses=''" >/dev/null
    if [ "$database" != postgres ]; then
        psql --username="$user" --dbname=postgres --set=ON_ERROR_STOP=1 --set=name="$database" --quiet <<'SQL'
CREATE DATABASE :"name";
SQL
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
        *.sh) POSTGRES_USER=$user POSTGRES_DB=$database sh "$script" ;;
        *.sql) psql --username="$user" --dbname="$database" --set=ON_ERROR_STOP=1 --quiet --file="$script" ;;
        esac
    done
    pg_ctl stop --mode=fast --wait >/dev/null
}

case ${1:-} in -*) set -- postgres "$@" ;; esac
if [ "${1:-}" = postgres ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA" 2>/dev/null || true
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        # Half a database would be taken for one at the next start.
        trap 'rm -rf "${PGDATA:?}"/*' EXIT
        create
        trap - EXIT
    fi
    unset POSTGRES_PASSWORD
fi
exec "$@"
