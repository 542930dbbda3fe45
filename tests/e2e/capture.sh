#!/usr/bin/env bash
# What whoever records the link gets to see: of a default transfer nothing but packets of the right sizes, of
# one with --protect mac the contents, of which it can change no bit; and that the handshake takes one round
# trip.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

attacks=$root/build/gcc/e2e
delay_ms=10
name=a-long-name-that-can-be-found.in-the-open

# record NAME ADDRESS RECV_OPTIONS SEND_OPTIONS: a tree sent over a clean link goes to $work/NAME.pcap.
record() {
  local status
  fresh to
  # shellcheck disable=SC2086 # lists of options
  timeout -k 5 60 "$netlab" --delay "${delay_ms}ms" --pcap "$work/$1.pcap" --stop-a-after-b -- \
    env XDG_CONFIG_HOME="$work/there" "$program" recv --once $3 "$work/to" -- \
    env XDG_CONFIG_HOME="$work/here" "$program" send -v $4 "$work/from/" "$2" >"$work/$1.log" 2>&1
  status=$?
  [ "$status" = 0 ] || { why="$1: left with $status: $(tail -n 3 "$work/$1.log" | tr '\n' '|')" && return 1; }
  same "$work/from" "$work/to"
}

make_tree() {
  fresh from needles
  mkdir "$work/from/$name"
  random_file "$work/from/$name/random" 300000
  for ((i = 0; i < 5000; i++)); do
    echo "line $i of a text that compresses very well"
  done >"$work/from/$name/text"
  printf '%s' "$name" >"$work/needles/name"
  # What is secret of both ends, and their public keys, which TLS 1.3 hides too.
  XDG_CONFIG_HOME=$work/here "$program" id >"$work/here.id" 2>/dev/null &&
    XDG_CONFIG_HOME=$work/there "$program" id >"$work/there.id" 2>/dev/null &&
    "$program" keygen "$work/key" 2>/dev/null || return 1
  local end
  for end in here there; do
    cut -d ' ' -f 2 "$work/$end.id" | base64 -d >"$work/needles/$end.public" || return 1
    sed -n '/BEGIN/,/END/p' "$work/$end/udpcp/identity" | grep -v -e ----- |
      base64 -d | tail -c 32 >"$work/needles/$end.private" || return 1
  done
  grep -v '^#' "$work/key" | tail -n 1 | tr -d '\n' >"$work/needles/key.text"
  sed 's/.* //' "$work/needles/key.text" | base64 -d >"$work/needles/key" || return 1
  for end in here.public there.public here.private there.private key; do
    [ "$(stat -c %s "$work/needles/$end")" = 32 ] || { why="$end has not 32 bytes" && return 1; }
  done
}

# hits NAME NEEDLE...: sets hits.
hits() {
  local datagrams
  "$attacks/capture" hits "$work/$1.pcap" "${@:2}" >"$work/hits" || return 1
  datagrams=$(sed -n 's/^datagrams //p' "$work/hits")
  hits=$(sed -n 's/^hits //p' "$work/hits")
  [ "$datagrams" -ge 300 ] || { why="only $datagrams datagrams were recorded" && return 1; }
}

shows_nothing() { # shows_nothing RECORDING
  hits "$1" "$work/from/$name/random" "$work/from/$name/text" "$work/needles/"* || return 1
  [ "$hits" = 0 ] || { why="$hits runs of eight bytes are readable" && return 1; }
}

# shape NAME KEY: prints a line of what was seen.
shape() { sed -n "s/^$2 //p" "$work/$1.shape"; }

# is_shaped NAME LARGEST
is_shaped() {
  local key
  "$attacks/capture" shape "$work/$1.pcap" "$delay_ms" >"$work/$1.shape" || return 1
  [ "$(shape "$1" largest)" = "$2" ] || why="the largest datagram: $(shape "$1" largest), not $2"
  [ "$(shape "$1" initials)" -ge 2 ] || why='no INITIAL packets'
  for key in fragments unread-initials small-initials; do
    [ "$(shape "$1" $key)" = 0 ] || why="$key: $(shape "$1" $key)"
  done
  [ -z "$why" ]
}

# The hello, and one round trip later the end of the handshake together with data. A busy machine may be late
# and say something twice: then it is looked at again.
takes_one_round_trip() {
  local delay_ms=50 try
  for try in 1 2 3; do
    record trip 10.77.0.1 '' '' || return 1
    "$attacks/capture" shape "$work/trip.pcap" "$delay_ms" >"$work/trip.shape" || return 1
    [ "$(shape trip flights)" != 2 ] || [ "$(shape trip data-with-finished)" != 1 ] || return 0
  done
  why="the client's first data came in flight $(shape trip flights)"
  [ "$(shape trip data-with-finished)" = 1 ] || why="$why, not together with the end of its handshake"
  return 1
}

over_ipv4() { record ipv4 10.77.0.1 '' '' && shows_nothing ipv4; }
over_ipv6() { record ipv6 fd77::1 '' '' && shows_nothing ipv6; }
with_a_key() { record psk 10.77.0.1 "--psk-file $work/key" "--psk-file $work/key" && shows_nothing psk; }
sizes_ipv4() { is_shaped ipv4 1472 && is_shaped psk 1472; }
sizes_ipv6() { is_shaped ipv6 1452; }

# What this mode gives up, and that the search finds what is there to be found.
mac_is_readable() {
  local file
  record mac 10.77.0.1 '--protect mac' '--protect mac' || return 1
  for file in "$work/from/$name/random" "$work/from/$name/text" "$work/needles/name"; do
    hits mac "$file" && [ "$hits" -ge 30 ] || { why="of $file only $hits runs are readable" && return 1; }
  done
  for file in "$work/needles/"*.* "$work/needles/key"; do
    hits mac "$file" && [ "$hits" = 0 ] || { why="${file##*/} is readable" && return 1; }
  done
}

# The relay sends every packet of data first with one bit flipped: were one taken, the right one behind it
# would count as its duplicate and the contents would not fit.
mac_refuses_flipped_bits() {
  local flipped relay
  fresh to large
  random_file "$work/large/a" 14000000
  receive --protect mac "$work/to" || return 1
  "$attacks/off_path_relay" flip "$port" >"$work/relay.out" 2>"$work/relay.log" &
  relay=$!
  running+=("$relay")
  wait_until 5 relay_listens || { why='no relay' && return 1; }
  port=$relay_port sends 0 --protect mac "$work/large/" 127.0.0.1 && same "$work/large" "$work/to" || return 1
  leaves "$relay" 6 0 || return 1
  flipped=$(sed -n 's/^flipped //p' "$work/relay.out")
  [ "$flipped" -ge 9000 ] || { why="only $flipped copies were damaged" && return 1; }
}

relay_listens() {
  relay_port=$(sed -n 's/^listening //p' "$work/relay.out" 2>/dev/null)
  [ -n "$relay_port" ]
}

if "$netlab" --can-netns; then
  it 'keys and a tree to look for' make_tree
  it 'a default transfer over IPv4 shows nothing' over_ipv4
  it 'a default transfer over IPv6 shows nothing' over_ipv6
  it 'with a shared key nothing of it shows' with_a_key
  it 'one round trip before data' takes_one_round_trip
  it 'sizes over IPv4: 1472 at most, first flights of 1200' sizes_ipv4
  it 'sizes over IPv6: 1452 at most, first flights of 1200' sizes_ipv6
  it 'with --protect mac contents can be read, keys not' mac_is_readable
fi
it 'with --protect mac a flipped bit is refused' mac_refuses_flipped_bits
finish
