#!/bin/sh
# Starts the node, or whatever else it is asked to; the node reads its environment by itself.
set -eu

if [ -n "${RABBITMQ_ERLANG_COOKIE:-}" ]; then
    cookie=/var/lib/rabbitmq/.erlang.cookie
    [ "$(cat "$cookie" 2>/dev/null)" = "$RABBITMQ_ERLANG_COOKIE" ] || {
        umask 077
        rm -f "$cookie"
        printf '%s' "$RABBITMQ_ERLANG_COOKIE" >"$cookie"
    }
    unset RABBITMQ_ERLANG_COOKIE
fi
exec "$@"
