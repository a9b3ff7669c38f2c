#!/bin/sh
# Keeps one command running inside a container whose other processes must outlive it.
#
#     keep-running.sh COMMAND [ARGUMENT...]
#
# TERM, INT  end the command, wait for it, and exit
# HUP        restart the command and nothing else; a second HUP kills it if the first is not heard
#
# A command that ends by itself is started again, after 1, 2, 4... at most 60 s; after a minute of work the pauses
# begin anew. Whatever the command left behind in the background is not touched: pid 1 adopts it.
set -u

[ $# -gt 0 ] || { echo "keep-running: name the command to keep running" >&2; exit 2; }

longest_pause=60
long_enough=60
pause=1
ending=
restarting=
child=

say() { echo "keep-running: $*" >&2; }
tell() { [ -z "$child" ] || kill -s "$1" "$child" 2>/dev/null; }

end() {
    woken=yes
    ending=yes
    tell TERM
}

restart() {
    woken=yes
    how=TERM
    [ -z "$restarting" ] || how=KILL
    restarting=yes  # before anybody is told, who might answer with the next HUP
    tell "$how"
}

# Run a command to its end, whatever signals come meanwhile; $status is how it ended.
attend() {
    [ -z "$ending" ] || return
    "$@" &
    child=$!
    restarting=  # what is started just now needs no restart
    # A signal that came in between has told nobody. The child may still be this shell for a moment, and deaf.
    [ -z "$ending" ] || { sleep 1; tell TERM; }
    woken=yes
    while [ -n "$woken" ]; do
        woken=
        wait "$child"  # returns early when a trap has run
        status=$?
    done
    child=
}

trap end TERM INT
trap restart HUP

while [ -z "$ending" ]; do
    began=$(date +%s)
    attend "$@"
    [ -z "$ending" ] || break
    if [ -n "$restarting" ]; then
        say "restarting"
        pause=1
        continue
    fi
    [ $(($(date +%s) - began)) -lt "$long_enough" ] || pause=1
    say "it ended with status $status; starting it again in $pause s"
    attend sleep "$pause"
    pause=$((pause * 2))
    [ "$pause" -le "$longest_pause" ] || pause=$longest_pause
done
say "ended"
