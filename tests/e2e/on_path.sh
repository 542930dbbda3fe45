#!/usr/bin/env bash
# Somebody stands between sender and receiver: sees, repeats, changes, cuts, makes and sends back datagrams.
# The files arrive as they were sent; at worst, while keys are agreed, one try fails and the next succeeds.
asked=${UDPCP:-}
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

on_path=$root/build/gcc/e2e/on_path
asan=$root/build/asan/udpcp
[ -n "$asked" ] || [ ! -x "$asan" ] || program=$asan

# between MODE: a relay in front of the receiver; `port` is from then on the relay's.
relays=0
between() {
  relays=$((relays + 1))
  relay_log=$work/relay.$relays.log
  "$on_path" "$1" "$port" >"$relay_log" &
  relay=$!
  running+=("$relay")
  wait_until 5 relay_is_ready || { why='the relay does not start' && return 1; }
}

relay_is_ready() {
  local listening
  listening=$(sed -n 's/^listening //p' "$relay_log" 2>/dev/null)
  [ -n "$listening" ] && port=$listening
}

# counted WHAT: what the relay counted; ends it.
counted() {
  kill -TERM "$relay" 2>/dev/null && end_of "$relay" 5
  grep -o "$1 [0-9]*" "$relay_log" | cut -d ' ' -f 2
}

files() {
  fresh from to config
  random_file "$work/from/large" 3000000
  for i in 1 2 3 4 5; do random_file "$work/from/$i" $((i * 900)); done
}

is_sound() {
  ! grep -q 'Sanitizer\|runtime error\|Assertion' "$receiver_log" "$work/send.log" && return
  why="a fault: $(grep -h 'Sanitizer\|runtime error\|Assertion' "$receiver_log" "$work/send.log" | head -n 1)"
  return 1
}

# survives MODE MADE_MIN ARGUMENT...: a whole transfer through the attack.
survives() {
  local mode=$1 made_min=$2 made
  shift 2
  files
  receive --once "$@" "$work/to" && between "$mode" && sends 0 "$@" "$work/from/" 127.0.0.1 &&
    leaves "$receiver" 10 0 && same "$work/from" "$work/to" && is_sound || return 1
  made=$(counted made)
  [ "${made:-0}" -ge "$made_min" ] || { why="the attacker made only ${made:-no} datagrams" && return 1; }
}

a_quiet_relay() { survives none 0; }
flips() { survives flip 30; }
flips_mac() { survives flip 30 --protect mac; }
flips_checksum() { survives flip 30 --protect checksum; }
replays() { survives replay 1000; }
cuts() { survives cut 1000; }
phases() { survives phase 1000; }
noise() { survives garbage 1000; }
reflections() { survives reflect 1000; }
damaged_retry() { survives retry-damaged 1; }

with_a_shared_key() {
  rm -f "$work/key"
  "$program" keygen "$work/key" 2>/dev/null
  survives "$1" 1 --psk-file "$work/key"
}
replays_with_a_key() { with_a_shared_key replay; }
reflections_with_a_key() { with_a_shared_key reflect; }
a_close_with_a_key() { with_a_shared_key close-6; }
a_hang_up_with_a_key() { with_a_shared_key hang-up-6; }

# fails_once MODE STATUS ARGUMENT...: this try ends with that status and nothing arrives, the next succeeds.
fails_once() {
  local mode=$1 expected=$2
  shift 2
  files
  receive "$work/to" && between "$mode" || return 1
  sends "$expected" "$@" "$work/from/" 127.0.0.1 && is_empty "$work/to" && is_sound || return 1
  is_running "$receiver" || { why='the receiver has left' && return 1; }
  sends 0 "$work/from/" 127.0.0.1 && same "$work/from" "$work/to" && is_sound || return 1
  [ "$(counted made)" -ge 1 ] || { why='nothing was forged' && return 1; }
}

forged_close() { fails_once close-6 5; }
forged_done() { fails_once close-0 12; }
forged_retry() { fails_once retry 35 --timeout 2; }

# It may come too late to end anything; else the sender hears of the end, or nothing more.
forged_hang_up_to_the_receiver() {
  files
  receive "$work/to" && between hang-up-6 || return 1
  timeout -k 2 20 "$program" send --port "$port" --timeout 2 "$work/from/" 127.0.0.1 2>"$work/send.log"
  status=$?
  case $status in
    5 | 12 | 30 | 35) is_empty "$work/to" ;;
    0) same "$work/from" "$work/to" ;;
    *) false ;;
  esac || { why="left with $status: $(tail -n 2 "$work/send.log" | tr '\n' '|')" && return 1; }
  sends 0 "$work/from/" 127.0.0.1 && same "$work/from" "$work/to" && is_sound &&
    [ "$(counted made)" = 1 ]
}

# ---- keys that do not fit ----
# silent SENDER'S ARGUMENT...: no answer, and the receiver sends not one datagram.
silent() {
  local said
  between none || return 1
  sends 35 --timeout 1 "$@" "$work/from/" 127.0.0.1 && is_empty "$work/to" && is_sound || return 1
  said=$(counted receiver)
  [ "$said" = 0 ] || { why="the receiver said ${said:-something}" && return 1; }
  [ "$(counted sender)" -ge 1 ] || { why='the sender said nothing' && return 1; }
}

two_keys() {
  files
  rm -f "$work/k1" "$work/k2"
  "$program" keygen "$work/k1" 2>/dev/null && "$program" keygen "$work/k2" 2>/dev/null
}

the_wrong_key() { two_keys && receive --psk-file "$work/k1" "$work/to" && silent --psk-file "$work/k2"; }
no_key() { two_keys && receive --psk-file "$work/k1" "$work/to" && silent; }

not_on_the_list() {
  files
  XDG_CONFIG_HOME=$work/config/other "$program" id >"$work/list" 2>/dev/null
  receive --authorized "$work/list" "$work/to" && silent
}

# The relay's port is what the sender knows; behind it stands another receiver than before.
a_changed_receiver() {
  files
  receive "$work/to" && between none && sends 0 "$work/from/1" 127.0.0.1 || return 1
  rm "$work/to/1"
  local known_port=$port data
  counted data >"$work/data.first"
  stop_all
  cp "$work/config/udpcp/known_receivers" "$work/known"
  XDG_CONFIG_HOME=$work/config/elsewhere receive "$work/to" && between none || return 1
  sed "s/:$known_port /:$port /" "$work/known" >"$work/config/udpcp/known_receivers"
  sends 5 "$work/from/" 127.0.0.1 && says "$work/send.log" 'has changed' && is_empty "$work/to" && is_sound ||
    return 1
  data=$(counted data)
  [ "$(cat "$work/data.first")" -gt 0 ] || { why='the relay does not see data' && return 1; }
  [ "$data" = 0 ] || { why="$data packets of data were sent" && return 1; }
}

# A shared key does not tell its holders apart. Somebody who brings a sender's datagrams to the receiver on
# its own machine would have it send to itself; so a hello says from which machine it comes.
brought_to_its_own_machine() {
  files
  rm -f "$work/key"
  "$program" keygen "$work/key" 2>/dev/null
  local unshare=(unshare -n)
  [ "$(id -u)" = 0 ] || unshare=(unshare -rn)
  # shellcheck disable=SC2016 # for the inner shell
  timeout -k 2 20 "${unshare[@]}" bash -c '
    cd "$3" && ip link set lo up || exit 99
    unshare -n sleep 15 & beside=$!
    while [ "$(readlink /proc/$beside/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.02; done
    ip link add here type veth peer name there && ip link set there netns $beside &&
      ip address add 10.9.0.1/24 dev here && ip link set here up &&
      nsenter -t $beside -n sh -c "ip address add 10.9.0.2/24 dev there && ip link set there up" || exit 98
    timeout 15 "$1" recv -p 4117 --psk-file key to 2>recv.log & receiver=$!
    timeout 15 nsenter -t $beside -n "$2" none 4117 10.9.0.2 10.9.0.1 >relay.own.log & relay=$!
    until grep -q "UDP port" recv.log && grep -q listening relay.own.log; do sleep 0.02; done
    "$1" send --psk-file key --timeout 3 -p "$(cut -d " " -f 2 relay.own.log)" from/1 10.9.0.2 2>send.log
    status=$?
    "$1" send --psk-file key --timeout 3 -p 4117 from/2 10.9.0.1 2>own.log || status=97
    kill "$receiver" "$relay" "$beside"
    exit $status' - "$program" "$on_path" "$work"
  status=$?
  [ "$status" = 5 ] ||
    { why="left with $status: $(cat "$work"/{send,own}.log | tail -n 4 | tr '\n' '|')" && return 1; }
  says "$work/send.log" 'sent back' || return 1
  [ ! -e "$work/to/1" ] && cmp "$work/from/2" "$work/to/2" && no_parts "$work/to"
}

it 'a relay that only carries' a_quiet_relay
it 'a flipped bit in one datagram of every 50' flips
it 'the same with mac' flips_mac
it 'the same with checksum' flips_checksum
it 'every datagram replayed' replays
it 'every datagram replayed, with a shared key' replays_with_a_key
it 'a truncated copy beside every datagram' cuts
it 'copies with the other key phase' phases
it 'garbage with the right connection ids' noise
it 'our own datagrams reflected to each end' reflections
it 'the same with a shared key' reflections_with_a_key
it 'our hello brought to the receiver of its own machine' brought_to_its_own_machine
it 'a forged RETRY whose tag is wrong' damaged_retry
it 'a forged RETRY whose tag is right' forged_retry
it 'a forged CLOSE before the first answer' forged_close
it 'a forged CLOSE that says all is done' forged_done
it 'a forged CLOSE to the receiver' forged_hang_up_to_the_receiver
it 'a forged CLOSE, with a shared key' a_close_with_a_key
it 'a forged CLOSE to the receiver, with a shared key' a_hang_up_with_a_key
it 'the wrong key' the_wrong_key
it 'no key' no_key
it 'a key that is not on the list' not_on_the_list
it 'a changed receiver key' a_changed_receiver
finish
