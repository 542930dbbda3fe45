#!/usr/bin/env bash
# Either end is stopped in the middle, as by a laptop's sleep: for less than the timeout, and it goes on; for
# longer, and the sender connects anew and goes on with what the receiver kept.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# begin TIMEOUT: a sender under way, about half of it done.
begin() {
  fresh to
  receive --timeout "$1" "$work/to" || return 1
  "$program" send --port "$port" --timeout "$1" --bwlimit 4MB "$work/from/" 127.0.0.1 2>"$work/send.log" &
  sender=$!
  running+=("$sender")
  wait_until 10 has_begun || { why='nothing arrives' && return 1; }
}
has_begun() { [ "$(du -sb "$work/to" | cut -f1)" -gt 3000000 ]; }

# sleeps WHOM SECONDS
sleeps() {
  kill -STOP "${!1}"
  sleep "$2"
  kill -CONT "${!1}"
}

sender_sleeps_a_little() {
  begin 4 && sleeps sender 2.5 || return 1
  leaves "$sender" 15 0 && same "$work/from" "$work/to" || return 1
  ! grep -q slept "$work/send.log" || { why='connected anew' && return 1; }
  says "$work/send.log" "this machine's sleep"
}

receiver_sleeps_a_little() {
  begin 4 && sleeps receiver 2.5 || return 1
  leaves "$sender" 15 0 && same "$work/from" "$work/to" || return 1
  wait_until 5 grep -q "this machine's sleep" "$receiver_log" ||
    { why='does not say that it slept' && return 1; }
}

both_sleep_long() {
  begin 2 || return 1
  kill -STOP "$sender" "$receiver"
  sleep 4
  kill -CONT "$sender" "$receiver"
  leaves "$sender" 15 0 && same "$work/from" "$work/to"
}

sender_sleeps_long() {
  begin 3 && sleeps sender 5.5 || return 1 # 3 s are also the least after which a receiver counts as stuck
  leaves "$sender" 20 0 && same "$work/from" "$work/to" || return 1
  says "$work/send.log" 'slept for' || return 1
  says "$work/send.log" 'were there from an earlier try'
}

sender_wakes_alone() {
  begin 2 || return 1
  kill -STOP "$sender"
  { kill -KILL "$receiver" && wait "$receiver"; } 2>/dev/null
  sleep 3
  kill -CONT "$sender"
  leaves "$sender" 15 30
}

receiver_sleeps_long() {
  begin 2 && sleeps receiver 4.5 || return 1
  leaves "$sender" 10 30 || return 1
  wait_until 10 grep -q silent "$receiver_log" || { why='it does not let go of the first try' && return 1; }
  sends 0 "$work/from/" 127.0.0.1 && same "$work/from" "$work/to"
}

fresh from
random_file "$work/from/large" 14000000
random_file "$work/from/small" 20000

it 'a sender that sleeps for less than the timeout' sender_sleeps_a_little
it 'a receiver that sleeps for less than the timeout' receiver_sleeps_a_little
it 'both asleep for longer than the timeout' both_sleep_long
it 'a sender that sleeps for longer connects anew' sender_sleeps_long
it 'and gives up in time when nobody is there any more' sender_wakes_alone
it 'a receiver that sleeps for longer serves the next try' receiver_sleeps_long
finish
