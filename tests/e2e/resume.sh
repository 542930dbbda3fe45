#!/usr/bin/env bash
# A large file whose transfer was cut off, at either end and in any way, is taken up again: the next try ends
# equal and moves clearly less. Whatever was put in the place of part file or journal meanwhile never ends in
# wrong contents or in a write elsewhere.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

large=200000000 small=40000000

# How many bytes the receiver has written, all in all: to files, since it sends otherwise.
written() { sed -n 's/^wchar: //p' "/proc/$receiver/io"; }

part() { find "$work/to" -name '.udpcp-*.part' -print -quit; }
part_has() { # part_has BYTES
  local file
  file=$(part) && [ -n "$file" ] && [ "$(stat -c %s "$file")" -ge "$1" ]
}
no_session() { flock -n -x "$(part)" true; }

# is_cut_off SIZE SIGNAL WHOM: a transfer of so many bytes ends that way when half of it is there.
is_cut_off() {
  local launch=("${heeds_int[@]}")
  fresh from to
  random_file "$work/from/file" "$1"
  cp "$work/from/file" "$work/original"
  receive --timeout 2 "$work/to" || return 1
  "${heeds_int[@]}" "$program" send --port "$port" --timeout 2 --bwlimit 100MB "$work/from/file" 127.0.0.1 \
    2>"$work/send.log" &
  sender=$!
  running+=("$sender")
  wait_until 20 part_has $(($1 / 2)) ||
    { why="no part file of that size: $(cat "$work/send.log")" && return 1; }
  kill "-$2" "${!3}"
  end_of "$sender" 8 || return 1
  [ "$3" = sender ] || end_of "$receiver" 8 || return 1
  wait_until 8 no_session || { why='the part file is still open' && return 1; }
  [ ! -e "$work/to/file" ] || { why='something stands under the final name' && return 1; }
  part_has $(($1 / 4)) || { why='nothing was kept' && return 1; }
  is_running "$receiver" || receive --timeout 2 "$work/to"
}

ends_equal() {
  sends 0 "$work/from/file" 127.0.0.1 && same "$work/from" "$work/to"
}

goes_on() { # goes_on SIGNAL WHOM
  local before
  is_cut_off "$large" "$1" "$2" || return 1
  before=$(written)
  ends_equal || return 1
  [ $(($(written) - before)) -lt $((large * 3 / 4)) ] ||
    { why="wrote $(($(written) - before)) bytes again" && return 1; }
}
after_a_killed_sender() { goes_on KILL sender; }
after_a_killed_receiver() { goes_on KILL receiver; }
after_ctrl_c_at_the_sender() { goes_on INT sender; }
after_ctrl_c_at_the_receiver() { goes_on INT receiver; }

# ---- what somebody else put there ----
# forged COMMAND...: done to the part file "$1" and the journal "$2", it costs time at most.
forged() {
  local part journal
  random_file "$work/outside" 1000000
  cp "$work/outside" "$work/outside.before"
  is_cut_off "$small" INT sender || return 1
  part=$(part)
  journal=${part%.part}.journal
  [ -f "$journal" ] || { why='there is no journal' && return 1; }
  "$@" "$part" "$journal" || { why="cannot be set up: $*" && return 1; }
  sends 0 "$work/from/file" 127.0.0.1 || return 1
  cmp "$work/original" "$work/to/file" || { why='not what was sent' && return 1; }
  cmp "$work/outside" "$work/outside.before" || { why='it wrote elsewhere' && return 1; }
  [ ! -L "$work/to/file" ] && [ "$(stat -c %h "$work/to/file")" = 1 ] ||
    { why='not a file of its own' && return 1; }
}
# shellcheck disable=SC2317 # called by name
{
  to_a_link() { ln -sf "$work/outside" "$1"; }
  to_a_fifo() { rm "$1" && mkfifo "$1"; }
  to_a_hard_link() { ln -f "$work/outside" "$1"; }
  to_a_folder() { rm "$1" && mkdir "$1"; }
  to_other_bytes() { dd if=/dev/urandom of="$1" bs=1M seek=3 count=9 conv=notrunc status=none; }
  to_zeros() { truncate -s 0 "$1" && truncate -s 20000000 "$1"; }
  to_more_bytes() { truncate -s $((small + 1)) "$1"; }
  open_to_others() { chmod 666 "$1" && to_other_bytes "$1"; }
  journal_to_a_link() { ln -sf "$work/outside" "$2"; }
  journal_to_a_fifo() { rm "$2" && mkfifo "$2"; }
  journal_to_a_hard_link() { ln -f "$work/outside" "$2"; }
  journal_to_other_bytes() { random_file "$2" 10000; }
  journal_cut() { truncate -s 1001 "$2"; }
  journal_gone() { rm "$2"; }
  both_gone() { rm "$1" "$2"; }
}
forgeries=(to_a_link to_a_fifo to_a_hard_link to_a_folder to_other_bytes to_zeros to_more_bytes open_to_others
  journal_to_a_link journal_to_a_fifo journal_to_a_hard_link journal_to_other_bytes journal_cut journal_gone
  both_gone)

# Held by another session, as its lock says: this one makes a part file of its own.
is_busy() {
  local held
  is_cut_off "$small" INT sender || return 1
  held=$(part)
  flock -x "$held" sleep 20 &
  running+=($!)
  wait_until 5 eval '! flock -n -x "$held" true' || return 1
  sends 0 "$work/from/file" 127.0.0.1 && cmp "$work/from/file" "$work/to/file" || return 1
  [ -f "$held" ] || { why="the other session's part file is gone" && return 1; }
}

# Another file of the same name: nothing of the old one is taken for it.
another_file() {
  is_cut_off "$small" INT sender || return 1
  random_file "$work/from/file" "$small"
  sends 0 "$work/from/file" 127.0.0.1 && cmp "$work/from/file" "$work/to/file"
}

# The same name, size and time, and other contents: it fails once, and is never a mixture.
the_same_stamp() {
  is_cut_off "$small" INT sender || return 1
  touch -r "$work/from/file" "$work/stamp"
  random_file "$work/from/file" "$small"
  touch -r "$work/stamp" "$work/from/file"
  sends 23 "$work/from/file" 127.0.0.1 && is_empty "$work/to" && ends_equal
}

too_small_to_keep() {
  fresh from to
  random_file "$work/from/file" 4000000
  receive --timeout 2 "$work/to" || return 1
  "${heeds_int[@]}" "$program" send --port "$port" --bwlimit 1MB "$work/from/file" 127.0.0.1 \
    2>"$work/send.log" &
  sender=$!
  running+=("$sender")
  wait_until 5 part_has 1000000 && kill -INT "$sender" && end_of "$sender" 5 &&
    wait_until 5 is_empty "$work/to"
}

it 'after a killed sender' after_a_killed_sender
it 'after a killed receiver' after_a_killed_receiver
it 'after Ctrl-C at the sender' after_ctrl_c_at_the_sender
it 'after Ctrl-C at the receiver' after_ctrl_c_at_the_receiver
for forgery in "${forgeries[@]}"; do
  forge() { forged "$forgery"; }
  it "forged: ${forgery//_/ }" forge
done
it 'another session is at it' is_busy
it 'another file of that name' another_file
it 'another file of the same size and time' the_same_stamp
it 'a file too small to keep' too_small_to_keep
finish
