#!/usr/bin/env bash
# A transfer whose packets are sealed and opened by four threads at either end, with keys renewed on the way
# and over a link that damages, repeats and reorders packets: what arrives is the same to the bit. With
# DIVIDED=build/tsan/e2e/divided it is the thread sanitizer that looks on, and ends whoever it catches.
# shellcheck source-path=SCRIPTDIR source=lib.sh
divided=${DIVIDED:-}
. "$(dirname "$0")/lib.sh"
program=${divided:-$root/build/gcc/e2e/divided}
export TSAN_OPTIONS=halt_on_error=1:exitcode=66

# took_part LOG: more than a few batches were divided there.
took_part() {
  [[ $(grep '^divided ' "$1") =~ ^divided\ ([0-9]+)\ batches$ ]] && [ "${BASH_REMATCH[1]}" -ge 10 ] && return
  why="few batches were divided: $(tail -n 3 "$1" | tr '\n' '|')"
  return 1
}

# renewed TRACE: keys were, by both ends.
renewed() {
  local what
  for what in local_update remote_update; do
    grep -q "$what" "$1" && continue
    why="no $what in the trace"
    return 1
  done
}

# transfers OPTION...: over loopback.
transfers() {
  fresh to
  receive --once --threads 4 "$@" "$work/to" || return 1
  sends 0 --threads 4 --trace "$work/trace" "$@" "$work/from/" 127.0.0.1 || return 1
  leaves "$receiver" 20 0 && same "$work/from" "$work/to" && took_part "$work/send.log" &&
    took_part "$receiver_log" && renewed "$work/trace"
}
with_aead() { transfers; }
with_mac() { transfers --protect mac; }

# Datagrams come singly from there, a few a call: only large ones make a batch worth dividing.
over_a_bad_link() {
  fresh to
  receive --once --threads 4 --mtu 9000 "$work/to" || return 1
  # shellcheck disable=SC2016 # for the inner shell
  timeout -k 5 60 "$netlab" --relay "0:127.0.0.1:$port" --delay 2ms --reorder 1% \
    --duplicate 1% --corrupt 1% --seed 9 --stats -- \
    bash -c '"$1" send --threads 4 --mtu 9000 --cc bbr --port "$NETLAB_PORT" "$2" 127.0.0.1' - \
    "$program" "$work/from/" >"$work/lab.log" 2>&1
  status=$?
  [ "$status" = 0 ] || { why="left with $status: $(tail -n 4 "$work/lab.log" | tr '\n' '|')" && return 1; }
  leaves "$receiver" 20 0 && same "$work/from" "$work/to" && took_part "$work/lab.log" &&
    took_part "$receiver_log" || return 1
  grep -q 'b->a.* corrupted=[1-9]' "$work/lab.log" || { why='nothing was damaged' && return 1; }
}

on_one_thread() {
  fresh to
  receive --once --threads 1 "$work/to" || return 1
  UDPCP_THREADS=1 sends 0 "$work/from/" 127.0.0.1 || return 1
  leaves "$receiver" 20 0 && same "$work/from" "$work/to" || return 1
  why='batches were divided all the same'
  ! grep '^divided ' "$work/send.log" "$receiver_log"
}

fresh from
random_file "$work/from/large" 6000000
for i in 1 2 3; do random_file "$work/from/small $i" $((i * i * 700)); done
it 'AEAD' with_aead
it 'HMAC' with_mac
it 'a link that damages packets' over_a_bad_link
it 'none of it with one thread' on_one_thread
finish
