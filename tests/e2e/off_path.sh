#!/usr/bin/env bash
# Attacks by those who can send to a receiver but see nothing of what others send. During each of them an
# honest sender gets its files through, again and again, and afterwards the receiver is as it was: alive, of
# the same size, with nothing under DIR but what came from the honest one.
#
# All of it happens in a network of its own where that is allowed, so that packets can be forged down to their
# addresses; elsewhere the cases that need this are left out. The receiver is the build with sanitizers if
# there is one, the plain one where memory is judged.
# shellcheck source-path=SCRIPTDIR source=lib.sh
if [ -z "${OFF_PATH_INSIDE:-}" ]; then
  export OFF_PATH_INSIDE=none
  [ "$(id -u)" = 0 ] && own=(unshare -n) || own=(unshare -rn)
  if "${own[@]}" true 2>/dev/null; then OFF_PATH_INSIDE=own exec "${own[@]}" bash "$0" "$@"; fi
fi
. "$(dirname "$0")/lib.sh"

attacks=$root/build/gcc/e2e
plain=$program
checked=$plain
[ -n "${OFF_PATH_PLAIN:-}" ] || [ ! -x "$root/build/asan/udpcp" ] || checked=$root/build/asan/udpcp
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
grows_kib_max=4096
places_kib_max=20480
# Without trains, so that every datagram is seen by itself.
if [ "$OFF_PATH_INSIDE" = own ]; then ip link set dev lo up gso_max_segs 1 || exit 1; fi
honest_ms_max=2000

resident_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
now_ms() { echo "${EPOCHREALTIME//./}" | cut -c 1-13; }

# honest NAME: a file sent into a folder of its own arrives whole; sets took_ms.
honest() {
  local begin
  begin=$(now_ms)
  program=$plain sends 0 -q "$work/from/honest" "127.0.0.1:$1" || return 1
  took_ms=$(($(now_ms) - begin))
  cmp -s "$work/from/honest" "$work/to/$1/honest" || { why="$1/honest is not what was sent" && return 1; }
}

# target PROGRAM ARGUMENT...: a receiver to attack, that has served once.
target() {
  fresh from to
  random_file "$work/from/honest" "$honest_bytes"
  program=$1 receive "${@:2}" "$work/to" && honest before || return 1
  resident_before=$(resident_kib "$receiver")
}
honest_bytes=300000

# attack MODE ARGUMENT...: with the honest sender at work all the while; sets slowest_ms and times.
attack() { beside off_path "$1" "$port" "${@:2}"; }
forge() { beside off_path_raw "$1" "$port" "${@:2}"; }

beside() { # beside PROGRAM ARGUMENT...
  local pid
  "$attacks/$1" "${@:2}" >"$work/attack.out" 2>"$work/attack.log" &
  pid=$!
  running+=("$pid")
  slowest_ms=0 times=0
  while :; do
    honest "during-$((times += 1))" || return 1
    [ "$took_ms" -le "$slowest_ms" ] || slowest_ms=$took_ms
    is_running "$pid" || break
    sleep 0.1 # the attack is to have its share of the processors
  done
  leaves "$pid" 20 0 || { why="$2: $(tail -n 1 "$work/attack.log")" && return 1; }
}

# unharmed: what holds after every attack.
unharmed() {
  local extra
  is_running "$receiver" || { why="the receiver has fallen: $(tail -n 3 "$receiver_log")" && return 1; }
  honest after || return 1
  extra=$(find "$work/to" -mindepth 1 ! -name honest ! -name 'during-*' ! -name before ! -name after |
    head -n 3)
  [ -z "$extra" ] || { why="in DIR stands: $extra" && return 1; }
  kill -TERM "$receiver" && leaves "$receiver" 5 20 || return 1
  ! grep -q 'Sanitizer\|runtime error\|assert' "$receiver_log" ||
    { why=$(grep -m 1 'Sanitizer\|runtime error\|assert' "$receiver_log") && return 1; }
}

stays_small() {
  local after
  after=$(resident_kib "$receiver")
  [ $((after - resident_before)) -le "$grows_kib_max" ] && return
  why="grew from $resident_before to $after KiB"
  return 1
}

# ---- floods ----
zero_length_flood() { target "$plain" && attack empty 300000 && stays_small && unharmed; }
a_million_random() { target "$plain" && attack random 1000000 && stays_small && unharmed; }
far_offsets() { target "$checked" && attack far-offsets 5000 && unharmed; }

# The few half-open handshakes that are kept take their memory before the flood: it must not add to that.
target_with_all_places_taken() {
  target "$plain" && resident_before=$(resident_kib "$receiver") && attack half-open 64 || return 1
  [ $(($(resident_kib "$receiver") - resident_before)) -le "$places_kib_max" ] ||
    { why="16 half-open handshakes take more than $places_kib_max KiB" && return 1; }
  resident_before=$(resident_kib "$receiver")
}

half_open() {
  target_with_all_places_taken && attack half-open 65536 && stays_small || return 1
  honest right-after || return 1
  [ "$times" -ge 2 ] || { why="the flood was over after $times transfer" && return 1; }
  [ "$slowest_ms" -le "$honest_ms_max" ] || { why="$slowest_ms ms for a transfer in the flood" && return 1; }
  [ "$took_ms" -le "$honest_ms_max" ] || { why="$took_ms ms for a transfer after the flood" && return 1; }
  rm -r "$work/to/right-after" && unharmed
}

# As a ratio, because machines differ; what a flood takes of the processor counts for most of it.
colliding_ids() {
  local honest_bytes=8000000 alone_ms i
  target_with_all_places_taken || return 1
  alone_ms=1
  for i in 1 2 3; do
    honest "during-alone-$i" || return 1
    [ "$took_ms" -le "$alone_ms" ] || alone_ms=$took_ms
  done
  attack colliding 100000 && stays_small || return 1
  [ "$slowest_ms" -le $((12 * alone_ms + 200)) ] ||
    { why="$slowest_ms ms beside the flood, $alone_ms ms without" && return 1; }
  unharmed
}

# ---- first packets ----
too_short() { target "$checked" && attack too-short && unharmed; }
spoofed_hello() { target "$checked" --timeout 1 && attack silent && unharmed; }

# ---- tokens ----
token_from_elsewhere() { target "$checked" && attack tokens-of-others && unharmed; }
token_with_a_flipped_bit() { target "$checked" && attack flipped-tokens && unharmed; }

token_from_before_a_restart() {
  target "$checked" && attack keep-token "$work/token" && attack use-good-token "$work/token" || return 1
  kill -TERM "$receiver" && leaves "$receiver" 5 20 || return 1
  program=$checked receive -p "$port" "$work/to" && attack use-token "$work/token" && unharmed
}

# Tokens live for 15 s; the others are tried meanwhile. Sets patient_*.
start_waiting_for_a_token() {
  fresh patient from
  random_file "$work/from/honest" "$honest_bytes"
  program=$checked receive "$work/patient" || return 1
  patient_receiver=$receiver patient_port=$port patient_log=$receiver_log
  "$attacks/off_path" old-token "$port" 2>"$work/patient.log" &
  patient=$!
  running=()
}

token_too_old() {
  [ -z "$patient_why" ] || { why=$patient_why && return 1; }
  fresh to from
  random_file "$work/from/honest" "$honest_bytes"
  leaves "$patient" 20 0 || { why=$(tail -n 1 "$work/patient.log") && return 1; }
  receiver=$patient_receiver port=$patient_port receiver_log=$patient_log
  rm -r "$work/to" && ln -s patient "$work/to" && unharmed
}

# ---- forged in the name of others ----
errors_do_not_loop() {
  local other other_log
  fresh other
  program=$checked receive "$work/other" || return 1
  other=$port other_log=$receiver_log
  target "$checked" && forge errors "$other" && unharmed || return 1
  ! grep -q 'Sanitizer\|runtime error\|assert' "$other_log" || { why=$(tail -n 3 "$other_log") && return 1; }
  is_empty "$work/other"
}

source_port_0() { target "$checked" && forge port-0 && unharmed; }

is_ready() { grep -q ready "$work/attack.out"; }

forged_icmp() {
  local pid
  target "$checked" || return 1
  random_file "$work/from/honest" 12000000
  "$attacks/off_path_raw" icmp "$port" >"$work/attack.out" 2>"$work/attack.log" &
  pid=$!
  running+=("$pid")
  wait_until 5 is_ready || { why=$(tail -n 1 "$work/attack.log") && return 1; }
  program=$plain sends 0 -q --bwlimit 8MB "$work/from/honest" 127.0.0.1:during-1 || return 1
  cmp -s "$work/from/honest" "$work/to/during-1/honest" || { why='not what was sent' && return 1; }
  leaves "$pid" 10 0 || { why=$(tail -n 1 "$work/attack.log") && return 1; }
  unharmed
}

relay_listens() {
  relay_port=$(sed -n 's/^listening //p' "$work/relay.out" 2>/dev/null)
  [ -n "$relay_port" ]
}

forged_versions() {
  target "$checked" || return 1
  "$attacks/off_path_relay" versions "$port" >"$work/relay.out" 2>"$work/relay.log" &
  running+=($!)
  wait_until 5 relay_listens || { why='no relay' && return 1; }
  port=$relay_port honest during-1 || return 1
  [ "$took_ms" -ge 300 ] || { why="took only $took_ms ms: nothing was delayed" && return 1; }
  [ ! -s "$work/relay.log" ] || { why=$(tail -n 1 "$work/relay.log") && return 1; }
  unharmed
}

patient_why='' patient_receiver='' patient_port='' patient_log='' patient=''
trap 'running+=($patient $patient_receiver); clean_up' EXIT
start_waiting_for_a_token || patient_why=${why:-it did not start}

it 'zero-length flood' zero_length_flood
it 'first datagrams of 1 to 1199 bytes: no answer' too_short
it 'a million random datagrams of 1200 bytes' a_million_random
it 'spoofed hello: three times its bytes at most, and nothing kept' spoofed_hello
it 'token from another address' token_from_elsewhere
it 'token with a flipped bit' token_with_a_flipped_bit
it 'token from before a restart' token_from_before_a_restart
it '100,000 colliding connection ids' colliding_ids
it '65,536 half-open handshakes' half_open
it 'a CRYPTO byte at a huge offset' far_offsets
it 'forged version negotiation' forged_versions
if [ "$OFF_PATH_INSIDE" = own ]; then
  it 'spoofed errors: no loop' errors_do_not_loop
  it 'forged ICMP' forged_icmp
  it 'source port 0: no answer' source_port_0
fi
it 'token that is too old' token_too_old
finish
