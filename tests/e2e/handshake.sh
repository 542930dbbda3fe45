#!/usr/bin/env bash
# Whole `send` commands of a tiny file over a link that loses, or damages, 30 of 100 packets each way: all of
# them succeed.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

tries=${TRIES:-50}
at_once=${AT_ONCE:-25}

# one NUMBER: a file of its own through the relay; leaves its status and how long it took.
one() {
  local begin=$EPOCHREALTIME
  timeout -k 2 60 "$program" send -q --port "$port" "$work/from/$1" 127.0.0.1 2>"$work/said/$1"
  echo "$? $(awk "BEGIN { print $EPOCHREALTIME - $begin }") $1" >"$work/said/$1.status"
}

relay_listens() {
  port=$(sed -n 's/^listening //p' "$work/relay.out")
  [ -n "$port" ]
}

# all_succeed WORD IMPAIRMENT...: WORD is what the link counts of the harm it has done.
all_succeed() {
  local word=$1 i begin=$SECONDS failed
  shift
  fresh from to said
  : >"$work/relay.out"
  for ((i = 0; i < tries; i++)); do echo "file $i" >"$work/from/$i"; done
  receive "$work/to" || return 1
  "$netlab" --relay "0:127.0.0.1:$port" --stats --seed "${SEED:-7}" "$@" \
    >"$work/relay.out" 2>"$work/relay.log" &
  running+=($!)
  local relay=$! pids=()
  wait_until 5 relay_listens || { why='no relay' && return 1; }
  for ((i = 0; i < tries; i++)); do
    one "$i" &
    pids+=($!)
    [ "${#pids[@]}" -lt "$at_once" ] || { wait "${pids[0]}" && pids=("${pids[@]:1}"); }
  done
  wait "${pids[@]}"
  kill -TERM "$relay" && leaves "$relay" 5 0 || return 1
  cat "$work/said/"*.status | sort -k 2 -g >"$work/times"
  failed=$(grep -vc '^0 ' "$work/times")
  echo "# $*: $failed of $tries failed; slowest $(tail -n 1 "$work/times" | cut -d ' ' -f 2) s," \
    "half within $(sed -n "$((tries / 2))p" "$work/times" | cut -d ' ' -f 2) s, all in $((SECONDS - begin)) s"
  if [ "$failed" != 0 ]; then
    i=$(grep -v '^0 ' "$work/times" | head -n 1 | cut -d ' ' -f 3)
    why="$failed of $tries failed, the first with: $(tail -n 1 "$work/said/$i")"
    return 1
  fi
  [ "$(grep -Ec " $word=[1-9][0-9]+ " "$work/relay.log")" = 2 ] ||
    { why="hardly anything was $word: $(tail -n 2 "$work/relay.log" | tr '\n' '|')" && return 1; }
  same "$work/from" "$work/to" || return 1
  is_running "$receiver" || { why="the receiver has fallen: $(tail -n 3 "$receiver_log")" && return 1; }
}

with_loss() { all_succeed lost --loss 30%; }
with_damage() { all_succeed corrupted --corrupt 30%; }

it "$tries of $tries at 30% loss each way" with_loss
it "$tries of $tries at 30% corruption each way" with_damage
finish
