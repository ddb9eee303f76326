#!/bin/sh
# haproxy stays in the foreground, under a master process that can reload it.
case ${1-} in
  -*) exec haproxy -W -db "$@" ;;
  haproxy) shift && exec haproxy -W -db "$@" ;;
esac
exec "$@"
