#!/usr/bin/env bash
# Everything that can go wrong, and what is said then: exit status, one clear line, and nothing half done
# left.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# ---- the command line ----
refuses() { # refuses TEXT ARGUMENT...: usage error, said in one line
  local text=$1
  shift
  timeout 10 "$program" "$@" >"$work/out" 2>"$work/err"
  status=$?
  [ "$status" = 1 ] || { why="'$*' left with $status, not 1" && return 1; }
  [ "$(wc -l <"$work/err")" = 1 ] || { why="'$*' said $(wc -l <"$work/err") lines" && return 1; }
  says "$work/err" "$text"
}

bad_options() {
  refuses 'udpcp --help' &&
    refuses "'copy' is not a command" copy &&
    refuses '--frob is not a known option' send --frob a b &&
    refuses 'udpcp send --help' send --frob a b &&
    refuses "--mtu: '99' is not" send --mtu 99 a b &&
    refuses 'bits or bytes' send --bwlimit 800 a b &&
    refuses 'cubic, bbr or background' send --cc bbr2 a b &&
    refuses "--protect: 'none' is not aead, mac or checksum" recv --protect none . &&
    refuses 'the network is 10.0.0.0/8' recv --allow 10.1.2.3/8 . &&
    refuses 'is no network in numbers' recv --allow example.org . &&
    refuses 'does not say its unit' recv --max-size 100 . &&
    refuses 'one of the two' recv --psk-file a --authorized b . &&
    refuses "'b' is not understood" keygen a b &&
    refuses "'a' is not understood" id a &&
    refuses '--once is an option of `udpcp recv`' send --once a b &&
    refuses 'send what' send &&
    refuses 'send what' send onlyone &&
    refuses 'into which folder' recv &&
    refuses 'one folder only' recv a b &&
    refuses "'host:../x'" send / 'host:../x'
}

bad_environment() {
  UDPCP_MTU=big refuses "UDPCP_MTU: 'big' is not" recv "$work" &&
    UDPCP_QUIET=perhaps refuses "UDPCP_QUIET: 'perhaps' is not yes or no" send a b
}

help_is_help() {
  local command
  for command in '' send recv keygen id; do
    # shellcheck disable=SC2086 # none or one word
    "$program" $command --help >"$work/out" 2>"$work/err" || { why="'$command --help' failed" && return 1; }
    [ -s "$work/out" ] && [ ! -s "$work/err" ] ||
      { why="'$command --help' speaks on the wrong stream" && return 1; }
    awk 'length($0) > 110 { exit 1 }' "$work/out" ||
      { why="'$command --help' is too wide" && return 1; }
  done
  "$program" --version >"$work/out" && says "$work/out" 'udpcp '
}

# ---- before the transfer ----
a_host_that_is_not() {
  random_file "$work/a" 10
  sends 35 "$work/a" no-such-host.invalid &&
    says "$work/send.log" "cannot find the host 'no-such-host.invalid'"
}

nobody_listens() {
  local begin=$SECONDS
  fresh to
  random_file "$work/a" 10
  receive --listen 127.0.0.1 "$work/to" && kill -TERM "$receiver" && leaves "$receiver" 10 20 || return 1
  sends 35 "$work/a" 127.0.0.1 && says "$work/send.log" 'nobody is listening on 127.0.0.1 port' || return 1
  [ $((SECONDS - begin)) -lt 8 ] || { why='took too long to see it' && return 1; }
}

nobody_answers() {
  fresh to
  random_file "$work/a" 10
  receive "$work/to" || return 1
  kill -STOP "$receiver"
  sends 35 --timeout 2 "$work/a" 127.0.0.1 && says "$work/send.log" 'no answer from 127.0.0.1 port'
}

a_late_receiver_is_found() {
  fresh to
  random_file "$work/a" 10
  receive "$work/to" && kill -TERM "$receiver" && leaves "$receiver" 10 20 || return 1
  "$program" send --port "$port" "$work/a" 127.0.0.1 2>"$work/send.log" &
  local sender=$!
  running+=("$sender")
  sleep 1
  "$program" recv --port "$port" "$work/to" 2>"$work/late.log" &
  running+=($!)
  leaves "$sender" 10 0 && cmp "$work/a" "$work/to/a"
}

a_port_in_use() {
  fresh to
  receive --listen 127.0.0.1 "$work/to" || return 1
  timeout 10 "$program" recv --listen 127.0.0.1 --port "$port" "$work/to" 2>"$work/err"
  status=$?
  [ "$status" = 10 ] || { why="left with $status, not 10" && return 1; }
  says "$work/err" "UDP port $port is in use"
}

a_foreign_address() {
  fresh to
  timeout 10 "$program" recv --listen 192.0.2.1 "$work/to" 2>"$work/err"
  status=$?
  [ "$status" = 10 ] || { why="left with $status, not 10" && return 1; }
  says "$work/err" '192.0.2.1'
}

bad_folder() { # bad_folder FOLDER TEXT [PREFIX...]
  local folder=$1 text=$2
  shift 2
  timeout 10 "$@" "$program" recv --port 0 "$folder" 2>"$work/err"
  status=$?
  [ "$status" = 11 ] || { why="left with $status, not 11: $(tail -n 1 "$work/err")" && return 1; }
  says "$work/err" "$text"
}

no_folder() { bad_folder "$work/nothing/here" 'mkdir -p'; }
not_a_folder() { echo >"$work/file" && bad_folder "$work/file" "$work/file: "; }
not_writable() {
  fresh locked
  chmod 555 "$work/locked"
  if [ "$(id -u)" = 0 ]; then
    cp "$program" "$work/udpcp-for-all" && chmod 755 "$work/udpcp-for-all"
    program=$work/udpcp-for-all bad_folder "$work/locked" 'no permission' setpriv --reuid 65534 --clear-groups
  else
    bad_folder "$work/locked" 'no permission'
  fi
}

no_path_at_all() {
  port=1 sends 11 "$work/nothing" "$work/at all" 127.0.0.1 && says "$work/send.log" 'nothing: '
}

# ---- during the transfer ----
# slowly: starts a transfer of 40 MB that takes seconds; sets sender. Both logs are kept.
slowly() {
  fresh from to
  head -c 40000000 /dev/zero >"$work/from/slow"
  receive --once --timeout "${1:-30}" "$work/to" || return 1
  ${launch[@]+"${launch[@]}"} "$program" send --port "$port" --timeout "${1:-30}" --bwlimit 8MB \
    "$work/from/slow" 127.0.0.1 2>"$work/send.log" &
  sender=$!
  running+=("$sender")
  wait_until 5 has_part || { why="no part file appeared: $(cat "$work/send.log")" && return 1; }
  sleep 0.3
}

has_part() { [ -n "$(find "$work/to" -type f -print -quit)" ]; }
# Of a large file what has come stays for the next try, under names of our own.
only_parts() {
  [ -z "$(find "$1" -mindepth 1 ! -name '.udpcp-*.part' ! -name '.udpcp-*.journal' -print -quit)" ] && return
  why="left behind: $(find "$1" -mindepth 1 ! -name '.udpcp-*' | head -n 3 | tr '\n' ' ')"
  return 1
}
nothing_final() { [ ! -e "$work/to/slow" ] || { why='something stands under the final name' && return 1; }; }

the_receiver_is_killed() {
  local begin
  slowly 3 || return 1
  begin=$SECONDS
  kill -KILL "$receiver"
  leaves "$sender" 6 30 && says "$work/send.log" 'silent for 3 s' && nothing_final
}

the_receiver_hangs() {
  slowly 2 || return 1
  kill -STOP "$receiver"
  leaves "$sender" 5 30 && nothing_final
}

the_sender_is_killed() {
  slowly 2 || return 1
  kill -KILL "$sender"
  wait_until 6 says "$receiver_log" 'what it sent is kept: still waiting, 2 s' &&
    says "$receiver_log" 'silent for 2 s' &&
    only_parts "$work/to" && nothing_final && sends 0 "$work/from/slow" 127.0.0.1 &&
    leaves "$receiver" 5 0 && same "$work/from" "$work/to"
}

# What had begun to arrive counts for --once, however it ends; but its sender may come back.
the_sender_is_killed_later() {
  fresh from to
  echo first >"$work/from/a"
  head -c 40000000 /dev/zero >"$work/from/slow"
  receive --once --timeout 2 "$work/to" || return 1
  "$program" send --port "$port" --bwlimit 8MB "$work/from/a" "$work/from/slow" 127.0.0.1 2>"$work/send.log" &
  sender=$!
  running+=("$sender")
  wait_until 5 test -e "$work/to/a" || { why='the first file did not arrive' && return 1; }
  kill -KILL "$sender"
  leaves "$receiver" 10 30 && says "$receiver_log" 'silent for 2 s'
}

interrupted() { # interrupted SIGNAL WHOM
  local launch=("${heeds_int[@]}")
  slowly || return 1
  kill "-$1" "${!2}"
  leaves "$sender" 5 20 && leaves "$receiver" 5 20 && only_parts "$work/to" || return 1
  if [ "$2" = sender ]; then
    says "$receiver_log" 'interrupted by the other side'
  else
    says "$work/send.log" 'interrupted by the other side'
  fi
}
interrupts_sender() { interrupted TERM sender; }
interrupts_receiver() { interrupted TERM receiver; }
types_ctrl_c_at_sender() { interrupted INT sender; }
types_ctrl_c_at_receiver() { interrupted INT receiver; }
hangs_up_on_sender() { interrupted HUP sender; }

interrupts_idle_receiver() {
  fresh to
  receive "$work/to" && kill -TERM "$receiver" && leaves "$receiver" 2 20
}

interrupts_while_connecting() {
  fresh to
  random_file "$work/a" 10
  receive "$work/to" || return 1
  kill -STOP "$receiver"
  "$program" send --port "$port" "$work/a" 127.0.0.1 2>"$work/send.log" &
  sender=$!
  running+=("$sender")
  sleep 0.5
  kill -TERM "$sender"
  leaves "$sender" 2 20
}

# More is said than a pipe holds and nobody reads it: the transfer goes on.
nobody_reads_what_is_said() {
  local i name
  name=$(printf 'x%.0s' {1..200})
  fresh from to
  for ((i = 0; i < 2500; i++)); do echo "$i" >"$work/from/$name$i"; done
  mkfifo "$work/unread" && exec 8<>"$work/unread" || return 1
  receive --once "$work/to" || return 1
  "$program" send -v --port "$port" "$work/from/" 127.0.0.1 2>&8 8>&- &
  sender=$!
  running+=("$sender")
  leaves "$sender" 30 0 && leaves "$receiver" 5 0 && same "$work/from" "$work/to"
  status=$?
  exec 8>&-
  return "$status"
}

changes_while_sent() {
  slowly || return 1
  echo more >>"$work/from/slow"
  leaves "$sender" 20 24 && leaves "$receiver" 5 24 && is_empty "$work/to" &&
    says "$work/send.log" 'changed or vanished'
}

# The receiver's folder is a file system of 8 MB in a mount namespace of its own.
disk_is_full() {
  fresh from
  random_file "$work/from/a small" 100000
  random_file "$work/from/big" 20000000
  local unshare=(unshare -m)
  [ "$(id -u)" = 0 ] || unshare=(unshare -rm)
  receiver_log=$work/full.log
  # shellcheck disable=SC2016 # for the inner shell
  "${unshare[@]}" bash -c 'mkdir -p "$2/tiny" && mount -t tmpfs -o size=8m none "$2/tiny" &&
    "$1" recv --once --port 0 "$2/tiny"; status=$?; find "$2/tiny" -type f -printf "%P %s\n" >"$2/tiny.list"
    exit $status' - "$program" "$work" 2>"$receiver_log" &
  receiver=$!
  running+=("$receiver")
  wait_until 10 receiver_is_ready || { why="no receiver: $(cat "$receiver_log")" && return 1; }
  sends 23 "$work/from/" 127.0.0.1 && leaves "$receiver" 10 23 || return 1
  says "$work/send.log" 'big: no space left' && says "$work/send.log" 'at the receiver' || return 1
  [ "$(cat "$work/tiny.list")" = 'a small 100000' ] ||
    { why="left there: $(cat "$work/tiny.list")" && return 1; }
}

# In a network of its own this machine has a public address, and the sender comes from it.
a_stranger_is_ignored() {
  fresh to
  random_file "$work/a" 10
  local unshare=(unshare -n)
  [ "$(id -u)" = 0 ] || unshare=(unshare -rn)
  # shellcheck disable=SC2016 # for the inner shell
  timeout -k 2 20 "${unshare[@]}" bash -c '
    ip link set lo up && ip address add 203.0.113.5/32 dev lo || exit 99
    "$1" recv -v "$2/to" 2>"$2/stranger.log" & receiver=$!
    sleep 0.5
    "$1" send --timeout 1 "$2/a" 203.0.113.5 2>"$2/send.log"; status=$?
    "$1" send "$2/a" 127.0.0.1 2>>"$2/send.log" || status=98
    kill "$receiver"; wait; exit $status' - "$program" "$work"
  status=$?
  [ "$status" = 35 ] || { why="left with $status, not 35: $(tail -n 2 "$work/send.log")" && return 1; }
  says "$work/stranger.log" 'ignored 203.0.113.5:' && cmp "$work/a" "$work/to/a"
}

it 'bad options' bad_options
it 'bad environment' bad_environment
it 'help and version' help_is_help
it 'a host that does not resolve' a_host_that_is_not
it 'nobody listens' nobody_listens
it 'nobody answers' nobody_answers
it 'a receiver that starts late' a_late_receiver_is_found
it 'a port in use' a_port_in_use
it 'an address of another machine' a_foreign_address
it 'no such folder' no_folder
it 'not a folder' not_a_folder
it 'a folder that cannot be written' not_writable
it 'no path at all' no_path_at_all
if unshare -n true 2>/dev/null || unshare -rn true 2>/dev/null; then
  it 'a stranger is ignored' a_stranger_is_ignored
fi
it 'the receiver is killed' the_receiver_is_killed
it 'the receiver hangs' the_receiver_hangs
it 'the sender is killed' the_sender_is_killed
it 'the sender is killed after a file' the_sender_is_killed_later
it 'the sender is interrupted' interrupts_sender
it 'the sender hangs up' hangs_up_on_sender
it 'the receiver is interrupted' interrupts_receiver
it 'Ctrl-C at the sender' types_ctrl_c_at_sender
it 'Ctrl-C at the receiver' types_ctrl_c_at_receiver
it 'an idle receiver is interrupted' interrupts_idle_receiver
it 'interrupted while connecting' interrupts_while_connecting
it 'nobody reads what is said' nobody_reads_what_is_said
it 'a source that changes' changes_while_sent
if unshare -m true 2>/dev/null || unshare -rm true 2>/dev/null; then it 'the disk is full' disk_is_full; fi
finish
