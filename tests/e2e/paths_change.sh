#!/usr/bin/env bash
# The path changes under a transfer: it goes dark and comes back, carries smaller datagrams than before, the
# sender's port or address becomes another one. And jumbo frames, where they pass and where they do not.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# over OPTION... -- SEND_OPTION...: from a namespace to another, at 40 Mbit/s; the statistics are in lab.log.
# With `meanwhile` set, the sender's side runs that a second after the start.
meanwhile=
over() {
  local link=()
  while [ "$1" != -- ]; do link+=("$1") && shift; done
  shift
  fresh to
  # shellcheck disable=SC2016 # for the inner shell
  timeout -k 5 60 "$netlab" --rate 40Mbit --delay 10ms --stats --stop-a-after-b "${link[@]}" -- \
    "$program" recv --timeout 6 --once "$@" "$work/to" -- \
    bash -c '"$@" & sleep 1; '"$meanwhile"' wait $!' - \
    "$program" send -v --timeout 6 "$@" "$work/from/" 10.77.0.1 >"$work/lab.log" 2>&1
  local status=$?
  [ "$status" = 0 ] || { why="left with $status: $(tail -n 4 "$work/lab.log" | tr '\n' '|')" && return 1; }
  same "$work/from" "$work/to"
}

# figure DIRECTION NAME: of the statistics.
figure() { sed -n "s/^netlab: $1 .* $2=\([0-9]*\).*/\1/p" "$work/lab.log"; }

goes_dark() {
  over --blackout 700ms+1500ms -- || return 1
  [ "$(figure 'b->a' blackout_drops)" -gt 0 ] || { why='it was never dark' && return 1; }
}

shrinks() {
  over --mtu-at 700ms=1300 -- || return 1
  [ "$(figure 'b->a' mtu_drops)" -gt 0 ] || { why='nothing was too large' && return 1; }
  # One window in flight, and a few probes of the size.
  [ "$(figure 'b->a' mtu_drops)" -lt 400 ] || { why="$(figure 'b->a' mtu_drops) too large" && return 1; }
}

moves() {
  meanwhile='ip addr del 10.77.0.2/24 dev netlab; sleep 0.3; ip addr add 10.77.0.3/24 dev netlab;'
  over --
  local result=$?
  meanwhile=
  return "$result"
}

rebinds() {
  fresh to
  receive --once --timeout 6 "$work/to" || return 1
  # shellcheck disable=SC2016 # for the inner shell
  timeout -k 5 60 "$netlab" --relay "0:127.0.0.1:$port" --rate 40Mbit --delay 10ms \
    --rebind 500ms --rebind 1s -- \
    bash -c '"$1" send --timeout 6 --port "$NETLAB_PORT" "$2" 127.0.0.1' - "$program" "$work/from/" \
    >"$work/lab.log" 2>&1
  local status=$?
  [ "$status" = 0 ] || { why="left with $status: $(tail -n 4 "$work/lab.log" | tr '\n' '|')" && return 1; }
  leaves "$receiver" 10 0 && same "$work/from" "$work/to"
}

jumbo() { # jumbo LARGEST OPTION...
  local largest=$1
  shift
  over --dev-mtu 9000 "$@" -- --mtu 9000 || return 1
  [ "$(figure 'b->a' udp_payload_bytes_max)" = 8972 ] || { why='no jumbo frame was tried' && return 1; }
  local mean=$(($(figure 'b->a' delivered_bytes) / $(figure 'b->a' delivered)))
  [ "$mean" -gt $((largest * 8 / 10)) ] && [ "$mean" -le $((largest + 28)) ] ||
    { why="$mean bytes a packet" && return 1; }
}
jumbo_passes() { jumbo 8972; }
jumbo_does_not() { jumbo 1472 --mtu 1500; }

# netlab's own: who is stopped after the other has ended hears its last words first.
hears_the_last() {
  fresh to
  timeout -k 5 20 "$netlab" --delay 200ms --stop-a-after-b -- "$program" recv "$work/to" -- \
    "$program" send "$program" 10.77.0.1 >"$work/lab.log" 2>&1 ||
    { why=$(tail -n 2 "$work/lab.log") && return 1; }
  ! grep -q interrupted "$work/lab.log" || { why='the receiver did not hear the end' && return 1; }
}

fresh from
random_file "$work/from/large" 9000000

it 'a NAT gives the sender new ports' rebinds
if "$netlab" --can-netns; then
  it 'a path that is dark for a while' goes_dark
  it 'a path that begins to swallow large datagrams' shrinks
  it 'a sender that gets another address' moves
  it 'a long path, and a receiver that is stopped' hears_the_last
  it 'jumbo frames where they pass' jumbo_passes
  it 'jumbo frames asked for where they do not' jumbo_does_not
fi
finish
