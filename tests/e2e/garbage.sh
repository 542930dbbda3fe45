#!/usr/bin/env bash
# 200,000 datagrams that no sender would send: the receiver neither falls nor grows, and an honest transfer
# beside them, and even one whose every datagram comes with damaged copies, arrives whole.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

count=${COUNT:-200000}
grows_kib_max=${GROWS_KIB_MAX:-8192}
garbage=$work/garbage

# listening FILE: sets listening to the port it names.
listening() {
  listening=$(sed -n 's/^listening //p' "$1")
  [ -n "$listening" ]
}

resident_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }

learn_first_packet() {
  "$garbage" --first "$work/first" >"$work/first.log" &
  running+=($!)
  wait_until 5 listening "$work/first.log" || return 1
  random_file "$work/a" 10
  timeout 10 "$program" send -q --port "$listening" --timeout 1 "$work/a" 127.0.0.1 2>/dev/null
  [ -s "$work/first" ]
}

stands_and_stays_small() {
  fresh from to
  random_file "$work/from/honest" 10000000
  receive "$work/to" || return 1
  sends 0 "$work/from/honest" 127.0.0.1 || return 1
  rm "$work/to/honest"
  local before after thrower
  before=$(resident_kib "$receiver")
  "$garbage" "$port" "$count" 1 "$work/first" &
  thrower=$!
  running+=("$thrower")
  sleep 0.3
  sends 0 --bwlimit 4MB "$work/from/honest" 127.0.0.1 && same "$work/from" "$work/to" || return 1
  leaves "$thrower" 60 0 || return 1
  is_running "$receiver" || { why="the receiver has fallen: $(tail -n 3 "$receiver_log")" && return 1; }
  after=$(resident_kib "$receiver")
  [ $((after - before)) -le "$grows_kib_max" ] || { why="grew from $before to $after KiB" && return 1; }
  sends 0 "$work/from/honest" 127.0.0.1 && same "$work/from" "$work/to" || return 1
  kill -TERM "$receiver" && leaves "$receiver" 5 20
}

damaged_copies_do_no_harm() {
  fresh from to
  local i
  random_file "$work/from/large" 8000000
  for i in 1 2 3 4 5 6 7 8 9; do random_file "$work/from/$i" $((i * 5000)); done
  receive --once "$work/to" || return 1
  "$garbage" --between "$port" 2 >"$work/between.log" &
  running+=($!)
  wait_until 5 listening "$work/between.log" || return 1
  local port=$listening
  sends 0 --bwlimit 10MB "$work/from/" 127.0.0.1 && leaves "$receiver" 10 0 && same "$work/from" "$work/to"
}

"${CC:-cc}" -O2 -std=c17 -D_GNU_SOURCE -o "$garbage" "$(dirname "$0")/garbage.c" || exit 1
it 'learns what a first packet looks like' learn_first_packet
it 'stands in garbage and stays small' stands_and_stays_small
it 'damaged copies of its own packets' damaged_copies_do_no_harm
finish
