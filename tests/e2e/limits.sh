#!/usr/bin/env bash
# What held a transfer up is named: the user's limit, a slow link, a disk that takes its time. The first name
# counts, as shares vary with the machine.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# first FILE TEXT: the first thing named there, with a share of half the time at least.
first() {
  local line
  line=$(grep -o 'limited by [^%]*%' "$1")
  [[ $line =~ ^"limited by $2 "([0-9]+)%$ ]] && [ "${BASH_REMATCH[1]}" -ge 50 ] && return
  why="is not '$2' first but: ${line:-nothing}"
  return 1
}

the_users_limit() {
  fresh from to
  random_file "$work/from/a" 3000000
  receive --once -v "$work/to" && sends 0 --bwlimit 20Mbit "$work/from/a" 127.0.0.1 &&
    leaves "$receiver" 10 0 && first "$work/send.log" --bwlimit &&
    first "$receiver_log" 'the network or the sender' && same "$work/from" "$work/to"
}

a_slow_link() {
  fresh from to
  random_file "$work/from/a" 2000000
  receive --once "$work/to" || return 1
  # The relay ends with the command: the sender's last words are to get through it first.
  # shellcheck disable=SC2016 # for the inner shell
  timeout -k 5 60 "$netlab" --relay "0:127.0.0.1:$port" --rate 20Mbit --delay 10ms -- \
    bash -c '"$1" send -v --port "$NETLAB_PORT" "$2" 127.0.0.1 && sleep 0.2' - "$program" "$work/from/a" \
    >"$work/send.log" 2>&1 || { why="left with $?: $(tail -n 3 "$work/send.log" | tr '\n' '|')" && return 1; }
  leaves "$receiver" 10 0 && first "$work/send.log" 'the network' && says "$work/send.log" '(bbr: round trip '
}

# A sync that takes a second and a half.
the_receivers_disk() {
  fresh from to
  random_file "$work/from/a" 300000
  launch=(strace -f -qq -o /dev/null -e trace=fsync,fdatasync -e inject=fsync,fdatasync:delay_exit=700000)
  receive --once --no-sandbox -v "$work/to" && launch=() && sends 0 "$work/from/a" 127.0.0.1 &&
    leaves "$receiver" 10 0 && first "$work/send.log" "the receiver's disk" &&
    first "$receiver_log" "the receiver's disk"
}

the_senders_disk() {
  fresh from to
  random_file "$work/from/a" 5000000
  receive --once "$work/to" || return 1
  timeout -k 2 60 strace -f -qq -o /dev/null -e trace=pread64 -e inject=pread64:delay_enter=60000 \
    "$program" send -v --port "$port" "$work/from/a" 127.0.0.1 >"$work/send.log" 2>&1 ||
    { why="left with $?: $(tail -n 3 "$work/send.log" | tr '\n' '|')" && return 1; }
  leaves "$receiver" 10 0 && first "$work/send.log" "the sender's disk"
}

nobody_asks() { # of what was quick, of what was not sent, or with -q
  fresh from to
  random_file "$work/from/a" 3000000
  receive "$work/to" && sends 0 -n -v "$work/from/a" 127.0.0.1 && ! says "$work/send.log" 'limited by' &&
    sends 0 -q --bwlimit 20Mbit "$work/from/a" 127.0.0.1 && ! says "$work/send.log" 'limited by' && why=
}

it 'the limit that the user set' the_users_limit
it 'a slow link, and how the sender sees it' a_slow_link
if strace -f -e trace=none true 2>/dev/null; then
  it "the receiver's disk" the_receivers_disk
  it "the sender's disk" the_senders_disk
fi
it 'a dry run and -q say nothing' nobody_asks
finish
