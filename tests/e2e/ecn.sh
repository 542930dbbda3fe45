#!/usr/bin/env bash
# Explicit congestion notification over links that mark instead of dropping, that bleach the marks, and that
# swallow what carries one: CUBIC is slowed by marks and loses nothing, and no link stops a transfer.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# over ADDRESS LINK_OPTION...: 3 MB at 50 Mbit/s and 10 ms; the receiver's side of the link is $work/lab.log.
over() {
  local address=$1
  shift
  fresh to
  timeout -k 5 60 "$netlab" --rate 50Mbit --delay 5ms --queue 2MB "$@" --stats --stop-a-after-b -- \
    "$program" recv --once "$work/to" -- \
    "$program" send -v --cc cubic "$work/from/" "$address" >"$work/lab.log" 2>&1
  status=$?
  [ "$status" = 0 ] || { why="left with $status: $(tail -n 4 "$work/lab.log" | tr '\n' '|')" && return 1; }
  same "$work/from" "$work/to"
}

# counted NAME: sets `count` to that figure of the way from sender to receiver.
counted() {
  count=$(sed -n "s/^netlab: b->a.* $1=\([0-9]*\).*/\1/p" "$work/lab.log")
  [ -n "$count" ] || { why="no $1 in the account" && return 1; }
}

# is NAME LEAST MOST
is() {
  counted "$1" || return 1
  [ "$count" -ge "$2" ] && [ "$count" -le "$3" ] && return
  why="$1=$count, not $2 to $3"
  return 1
}

marks_take_the_place_of_losses() {
  over "$1" --ce-above 5ms && is queue_drops 0 0 && is ce_marked 1 3000 && is ect 1000 10000 || return 1
  says "$work/lab.log" ' marked CE' || return 1
  says "$work/lab.log" ' 0.000% sent again'
}
marks_over_ipv4() { marks_take_the_place_of_losses 10.77.0.1; }
marks_over_ipv6() { marks_take_the_place_of_losses fd77::1; }

bleached() { over 10.77.0.1 --ecn-bleach && is ect 1 30 && ! grep -q 'marked CE' "$work/lab.log"; }
swallowed() { over 10.77.0.1 --ecn-drop && is ecn_drops 5 30; }

# A relay sees no IP headers.
relay_refuses() {
  "$netlab" --relay 0:127.0.0.1:9 --ce-above 5ms >"$work/lab.log" 2>&1 && return 1
  says "$work/lab.log" 'do not work with --relay'
}

fresh from
random_file "$work/from/random" 3000000
if "$netlab" --can-netns; then
  it 'marks take the place of losses, IPv4' marks_over_ipv4
  it 'marks take the place of losses, IPv6' marks_over_ipv6
  it 'a link that bleaches is asked once' bleached
  it 'a link that swallows marked packets is left without them' swallowed
fi
it 'a relay cannot mark, and says so' relay_refuses
finish
