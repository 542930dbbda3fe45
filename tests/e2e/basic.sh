#!/usr/bin/env bash
# What everybody does: one file, a tree, odd names, several senders, and the rules for what is already there.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

one_file() {
  fresh from to
  random_file "$work/from/a" 3000000
  receive --once "$work/to" && sends 0 "$work/from/a" "$1" && leaves "$receiver" 10 0 &&
    same "$work/from" "$work/to"
}
over_ipv4() { one_file 127.0.0.1; }
over_ipv6() { one_file ::1; }
over_ipv6_in_brackets() { one_file '[::1]'; }

sizes_around_a_block() {
  fresh from to
  local size
  for size in 0 1 1023 1024 1200 65536 262143 262144 262145 524288 524289 1048577; do
    random_file "$work/from/$size" "$size"
  done
  receive "$work/to" && sends 0 "$work/from/" 127.0.0.1 && same "$work/from" "$work/to"
}

make_tree() { # make_tree FOLDER
  mkdir -p "$1/deep/er/and/deeper" "$1/empty folder" "$1/src"
  : >"$1/empty file"
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do random_file "$1/src/$i.c" $((i * 1777)); done
  random_file "$1/deep/er/and/deeper/big" 2500000
}

a_tree_by_its_name() {
  fresh from to
  make_tree "$work/from/tree"
  receive "$work/to" && sends 0 "$work/from/tree" 127.0.0.1 && same "$work/from" "$work/to"
}

a_tree_by_its_contents() {
  fresh from to
  make_tree "$work/from"
  receive "$work/to" && sends 0 "$work/from/" 127.0.0.1 && same "$work/from" "$work/to"
}

into_a_subfolder() {
  fresh from to
  make_tree "$work/from"
  receive "$work/to" && sends 0 "$work/from/" 127.0.0.1:a/b && same "$work/from" "$work/to/a/b" || return 1
  [ "$(stat -c %a "$work/to/a")" = 700 ] || { why='a folder on the way is not private' && return 1; }
}

several_paths() {
  fresh from to
  random_file "$work/from/x" 1000
  make_tree "$work/from/tree"
  receive "$work/to" && sends 0 "$work/from/x" "$work/from/tree" 127.0.0.1 &&
    same "$work/from" "$work/to"
}

odd_names() {
  fresh from to
  local name long
  long=$(printf '%0255d' 7)
  for name in $'two\nlines' $'\xff\xfe not utf-8' "$long" '-n' ' ' '...' '\' '*' '~' "it's" $'\e[31mred' \
    $'\x01'; do
    random_file "$work/from/$name" 100 || return 1
    mkdir -p "$work/from/folder/$name"
    random_file "$work/from/folder/$name/$name" 100
  done
  receive -v "$work/to" && sends 0 -v "$work/from/" 127.0.0.1 && same "$work/from" "$work/to" ||
    return 1
  if grep -q $'[\x01-\x08\x0b-\x1f\x7f\xff]' "$work/send.log" "$receiver_log"; then
    why='control bytes of names reached the terminal'
    return 1
  fi
}

modes_and_times() {
  fresh from to
  local mode
  for mode in 400 444 600 640 644 755 777; do
    random_file "$work/from/$mode" 10
    chmod "$mode" "$work/from/$mode"
  done
  mkdir "$work/from/d700" "$work/from/d755"
  chmod 700 "$work/from/d700"
  touch -d '2001-02-03 04:05:06.123456789 UTC' "$work/from/600" "$work/from/d755"
  touch -d '1960-01-01 00:00:00.5 UTC' "$work/from/640"
  # shellcheck disable=SC2016 # for the inner shell
  local launch=(sh -c 'umask 0 && exec "$@"' -)
  receive "$work/to" && sends 0 "$work/from/" 127.0.0.1 && same "$work/from" "$work/to" || return 1
  # The receiver's own umask takes bits away.
  fresh to
  # shellcheck disable=SC2016
  launch=(sh -c 'umask 027 && exec "$@"' -)
  receive "$work/to" && sends 0 "$work/from/" 127.0.0.1 || return 1
  for mode in 400:400 444:440 644:640 755:750 777:750 d755:750; do
    [ "$(stat -c %a "$work/to/${mode%:*}")" = "${mode#*:}" ] ||
      { why="${mode%:*} became $(stat -c %a "$work/to/${mode%:*}")" && return 1; }
  done
}

equal_is_done() {
  fresh from to
  make_tree "$work/from"
  receive "$work/to" && sends 0 "$work/from/" 127.0.0.1 && sends 0 "$work/from/" 127.0.0.1 || return 1
  says "$work/send.log" 'sent 0 files' && says "$work/send.log" '14 already there' &&
    same "$work/from" "$work/to"
}

never_overwrites() {
  fresh from to
  echo new >"$work/from/a"
  echo also new >"$work/from/b"
  echo old and longer >"$work/to/a"
  touch -d 2001-01-01 "$work/to/a"
  receive --once "$work/to" && sends 23 "$work/from/" 127.0.0.1 && leaves "$receiver" 10 23 || return 1
  says "$work/send.log" 'already there' || return 1
  [ "$(cat "$work/to/a")" = 'old and longer' ] || { why='the old file was replaced' && return 1; }
  [ "$(cat "$work/to/b")" = 'also new' ] || { why='the other file did not arrive' && return 1; }
  no_parts "$work/to"
}

overwrites_when_asked() {
  fresh from to
  echo new >"$work/from/a"
  echo old and longer >"$work/to/a"
  receive --overwrite "$1" "$work/to" && sends 0 "$work/from/" 127.0.0.1 &&
    same "$work/from" "$work/to"
}
overwrites_changed() { overwrites_when_asked changed; }
overwrites_always() { overwrites_when_asked always; }

a_dry_run_writes_nothing() {
  fresh from to
  make_tree "$work/from"
  receive "$work/to" && sends 0 -n "$work/from/" 127.0.0.1 && is_empty "$work/to" || return 1
  says "$work/send.log" 'src/7.c: would be sent' && says "$work/send.log" 'would send 14 files'
}

a_dry_receiver_writes_nothing() {
  fresh from to
  make_tree "$work/from"
  receive -n "$work/to" && sends 0 "$work/from/" 127.0.0.1 && is_empty "$work/to"
}

several_senders() {
  fresh from to
  local i senders=() pid
  for i in 1 2 3 4 5; do make_tree "$work/from/$i"; done
  receive "$work/to" || return 1
  for i in 1 2 3 4 5; do
    "$program" send --port "$port" "$work/from/$i" 127.0.0.1 2>"$work/send.$i" &
    senders+=($!)
    running+=($!)
  done
  for pid in "${senders[@]}"; do leaves "$pid" 60 0 || return 1; done
  same "$work/from" "$work/to"
}

only_one_with_once() {
  fresh from to
  truncate -s 20M "$work/from/slow"
  random_file "$work/from/b" 1000
  receive --once "$work/to" || return 1
  "$program" send --port "$port" --bwlimit 8MB "$work/from/slow" 127.0.0.1 2>"$work/slow.log" &
  local slow=$!
  running+=("$slow")
  sleep 0.7
  sends 5 "$work/from/b" 127.0.0.1 && says "$work/send.log" '--once' || return 1
  leaves "$slow" 30 0 && leaves "$receiver" 10 0 && cmp "$work/from/slow" "$work/to/slow"
}

quiet_is_quiet() {
  fresh from to
  random_file "$work/from/a" 1000
  receive "$work/to" && sends 0 -q "$work/from/a" 127.0.0.1 || return 1
  [ ! -s "$work/send.log" ] && [ ! -s "$work/send.out" ] ||
    { why="said: $(cat "$work/send.log")" && return 1; }
  sends 0 "$work/from/a" 127.0.0.1 && says "$work/send.log" 'receiver SHA256:' || return 1
  [ ! -s "$work/send.out" ] || { why='something on standard output' && return 1; }
}

verbose_names_files() {
  fresh from to
  make_tree "$work/from"
  receive -v "$work/to" && sends 0 -v "$work/from/" 127.0.0.1 || return 1
  says "$work/send.log" 'src/3.c: done' && says "$receiver_log" ': src/3.c: done'
}

environment_counts() {
  fresh from to
  random_file "$work/from/a" 1000
  receive "$work/to" || return 1
  UDPCP_PORT=$port UDPCP_QUIET=yes timeout 20 "$program" send "$work/from/a" 127.0.0.1 \
    2>"$work/send.log" || return 1
  [ ! -s "$work/send.log" ] && same "$work/from" "$work/to"
}

a_missing_path_is_partial() {
  fresh from to
  random_file "$work/from/a" 1000
  receive "$work/to" && sends 23 "$work/from/a" "$work/from/b" 127.0.0.1 &&
    same "$work/from" "$work/to" || return 1
  says "$work/send.log" "from/b: "
}

links_are_reported() {
  fresh from to
  random_file "$work/from/a" 1000
  ln -s a "$work/from/link"
  mkfifo "$work/from/fifo"
  receive "$work/to" && sends 23 "$work/from/" 127.0.0.1 || return 1
  says "$work/send.log" 'link: skipped' && says "$work/send.log" 'fifo: skipped' || return 1
  rm "$work/from/link" "$work/from/fifo"
  cmp "$work/from/a" "$work/to/a" && no_parts "$work/to"
}

jumbo_datagrams() {
  fresh from to
  random_file "$work/from/a" 5000000
  receive --mtu 65535 "$work/to" && sends 0 --mtu 65535 "$work/from/a" 127.0.0.1 &&
    same "$work/from" "$work/to"
}

small_datagrams() {
  fresh from to
  random_file "$work/from/a" 1000000
  receive --mtu 1280 "$work/to" && sends 0 "$work/from/a" 127.0.0.1 &&
    same "$work/from" "$work/to"
}

a_limit_is_kept() {
  fresh from to
  truncate -s 6M "$work/from/a"
  local begin=$EPOCHREALTIME
  receive "$work/to" && sends 0 --bwlimit 4MB "$work/from/a" 127.0.0.1 || return 1
  awk "BEGIN { exit !($EPOCHREALTIME - $begin > 1.2) }" || { why='faster than 4 MB/s allows' && return 1; }
}

it 'a file over IPv4' over_ipv4
if grep -q 00000000000000000000000000000001 /proc/net/if_inet6 2>/dev/null; then
  it 'a file over IPv6' over_ipv6
  it 'a file over IPv6 in brackets' over_ipv6_in_brackets
fi
it 'sizes around a block' sizes_around_a_block
it 'a tree by its name' a_tree_by_its_name
it 'a tree by its contents' a_tree_by_its_contents
it 'into a subfolder' into_a_subfolder
it 'several paths' several_paths
it 'odd names' odd_names
it 'modes and times' modes_and_times
it 'an equal file counts as done' equal_is_done
it 'never overwrites unasked' never_overwrites
it 'overwrites changed' overwrites_changed
it 'overwrites always' overwrites_always
it 'a dry run writes nothing' a_dry_run_writes_nothing
it 'a dry receiver writes nothing' a_dry_receiver_writes_nothing
it 'several senders at once' several_senders
it 'only one sender with --once' only_one_with_once
it 'quiet is quiet' quiet_is_quiet
it 'verbose names files' verbose_names_files
it 'the environment counts' environment_counts
it 'a missing path is partial' a_missing_path_is_partial
it 'links are reported' links_are_reported
it 'jumbo datagrams' jumbo_datagrams
it 'small datagrams' small_datagrams
it 'a rate limit is kept' a_limit_is_kept
finish
