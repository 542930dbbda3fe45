#!/usr/bin/env bash
# Somebody on the receiver's machine works against it inside DIR: traps stand at the names that come, part
# files are exchanged for links, folders become links that lead out, and back, a million times. Outside of
# DIR nothing ever changes, the receiver stays, and the next honest transfer succeeds. SWAPS=n in all.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

swaps=${SWAPS:-1100000}
swap=$work/swap
file_count=150

# What must never change: files and a folder beside DIR, with the times that tell of any name made there.
lay_out() {
  fresh from to outside
  mkdir "$work/outside/folder"
  echo precious >"$work/outside/file"
  echo precious >"$work/outside/folder/1"
  chmod 640 "$work/outside/file"
  state_outside >"$work/outside.before"
}

state_outside() (
  cd "$work/outside" || exit 1
  find . -printf '%y %m %U %T@ %s %p\n' | sort
  find . -type f -print0 | sort -z | xargs -0 sha256sum
)

nothing_outside_changed() {
  state_outside >"$work/outside.after"
  cmp -s "$work/outside.before" "$work/outside.after" && return
  why="outside of DIR changed: $(diff "$work/outside.before" "$work/outside.after" | head -n 4 | tr '\n' '|')"
  return 1
}

stays() {
  is_running "$receiver" && ! grep -q 'Assertion\|Sanitizer\|runtime error' "$receiver_log" && return
  why="the receiver has fallen: $(tail -n 3 "$receiver_log" | tr '\n' '|')"
  return 1
}

# sends_with STATUSES ARGUMENT...: a sender that may leave with any of them, but not hang.
sends_with() {
  local expected=$1 status
  shift
  timeout -k 2 60 "$program" send -q --port "$port" "$@" 2>"$work/send.log"
  status=$?
  [[ " $expected " = *" $status "* ]] && return
  why="send left with $status, not one of $expected: $(tail -n 3 "$work/send.log" | tr '\n' '|')"
  return 1
}

honest_again() {
  fresh honest
  random_file "$work/honest/one" 100000
  mkdir "$work/honest/folder"
  random_file "$work/honest/folder/two" 3000000
  sends 0 "$work/honest" 127.0.0.1 || return 1
  cmp "$work/honest/one" "$work/to/honest/one" &&
    cmp "$work/honest/folder/two" "$work/to/honest/folder/two" ||
    why='the honest transfer did not arrive whole'
  [ -z "$why" ]
}

# ---- traps at final names ----
set_traps() {
  traps=(symbolic dangling to_folder absolute fifo folder hard)
  ln -s ../outside/file "$work/to/symbolic"
  ln -s ../outside/new "$work/to/dangling"
  ln -s ../outside/folder "$work/to/to_folder"
  ln -s "$work/outside/file" "$work/to/absolute"
  mkfifo "$work/to/fifo"
  mkdir "$work/to/folder"
  ln "$work/outside/file" "$work/to/hard"
  if mknod "$work/to/device" c 1 3 2>/dev/null; then traps+=(device); fi
}

traps_hold() { # traps_hold OVERWRITE REPLACED OPTION...: of the traps, at most that one becomes what came
  local name replaced
  lay_out && set_traps || return 1
  for name in "${traps[@]}" plain; do echo "sent as $name" >"$work/from/$name"; done
  receive --overwrite "$1" "${@:3}" "$work/to" || return 1
  sends 23 "$work/from/" 127.0.0.1 && stays && nothing_outside_changed && no_parts "$work/to" || return 1
  for name in "${traps[@]}"; do
    [ "$name" = "$2" ] && replaced=0 || replaced=1
    { [ -f "$work/to/$name" ] && ! [ -L "$work/to/$name" ] && cmp -s "$work/from/$name" "$work/to/$name"; }
    [ $? = "$replaced" ] || { why="a trap at the final name: $name" && return 1; }
  done
  cmp -s "$work/from/plain" "$work/to/plain" || { why='the file beside the traps is not there' && return 1; }
  honest_again
}
traps_hold_never() { traps_hold never none; }
traps_hold_changed() { traps_hold changed hard; }
# What opens and names files must hold without the sandbox, too.
traps_hold_always() { traps_hold always hard --no-sandbox; }

traps_as_parents() {
  lay_out && set_traps || return 1
  local name
  for name in "${traps[@]}"; do mkdir "$work/from/$name" && echo sent >"$work/from/$name/1"; done
  receive --overwrite always --no-sandbox "$work/to" || return 1
  sends 23 "$work/from/" 127.0.0.1 && stays && nothing_outside_changed && honest_again
}

likely_parts() {
  lay_out
  local i digits
  for i in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
    digits=$(printf "$i%.0s" 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    ln -s ../outside/file "$work/to/.udpcp-$digits.part"
  done
  mkfifo "$work/to/.udpcp-0000000000000001.part"
  random_file "$work/from/a" 2000000
  receive "$work/to" || return 1
  sends 0 "$work/from/a" 127.0.0.1 && stays && nothing_outside_changed && honest_again || return 1
  cmp -s "$work/from/a" "$work/to/a" || { why='did not arrive' && return 1; }
}

# ---- traps in place of part files ----
parts_become() { # parts_become KIND
  lay_out
  local i swapped
  for ((i = 1; i <= 12; i++)); do random_file "$work/from/$i" $((i * 150000)); done
  receive --timeout 5 "$work/to" || return 1
  "$swap" --parts "$work/to" "$work/outside/file" "$1" >"$work/swap.log" &
  local swapper=$!
  running+=("$swapper")
  wait_until 5 grep -qs ready "$work/swap.log" || return 1
  sends_with '0 23' --bwlimit 20MB "$work/from/" 127.0.0.1 || return 1
  kill -TERM "$swapper" && leaves "$swapper" 5 0 || return 1
  swapped=$(tail -n 1 "$work/swap.log")
  [ "$swapped" -gt 0 ] || { why='no part file was exchanged' && return 1; }
  for ((i = 1; i <= 12; i++)); do
    [ ! -e "$work/to/$i" ] || cmp -s "$work/from/$i" "$work/to/$i" ||
      { why="a wrong file has the name $i" && return 1; }
  done
  stays && nothing_outside_changed && honest_again
}
parts_become_links() { parts_become symbolic; }
parts_become_hard_links() { parts_become hard; }
parts_become_fifos() { parts_become fifo; }

# ---- folders that lead out ----
# swapped_away WHERE OPTION...: the link changes places with the folder that is received into.
swapped_away() {
  lay_out
  local i
  mkdir "$work/from/folder" "$work/to/folder"
  for ((i = 1; i <= file_count; i++)); do random_file "$work/from/folder/$i" $((i * 97)); done
  random_file "$work/from/folder/large" 3000000
  ln -s "$work/outside/folder" "$1/link"
  receive --timeout 5 "${@:2}" "$work/to" || return 1
  "$swap" "$work/to/folder" "$1/link" $((swaps / 4)) >"$work/swap.log" 2>&1 &
  local swapper=$! rounds=0
  running+=("$swapper")
  while is_running "$swapper"; do
    sends_with '0 23' "$work/from/folder" 127.0.0.1 && stays && nothing_outside_changed || return 1
    rounds=$((rounds + 1))
  done
  leaves "$swapper" 1 0 || return 1
  [ "$(cat "$work/swap.log")" -ge $((swaps / 4)) ] && [ "$rounds" -gt 0 ] ||
    { why="$(cat "$work/swap.log") swaps during $rounds transfers" && return 1; }
  [ ! -L "$work/to/folder" ] && [ -L "$1/link" ] || { why='the swaps did not end as they began' && return 1; }
  find "$work/to" "$1" -name '.udpcp-*' -delete # a part made in a folder that was gone when it failed
  sends_with '0 23' "$work/from/folder" 127.0.0.1 && nothing_outside_changed && honest_again
}
swapped_inside() { swapped_away "$work/to"; }
swapped_beside() { fresh beside && swapped_away "$work/beside" --overwrite always; }
swapped_inside_alone() { swapped_away "$work/to" --no-sandbox --overwrite always; }
swapped_beside_alone() { fresh beside && swapped_away "$work/beside" --no-sandbox; }

# ---- the sandbox itself ----
is_confined() { # all of its threads
  local status
  for status in "/proc/$receiver/task/"*/status; do
    grep -q '^Seccomp:[[:space:]]*2$' "$status" && grep -q '^NoNewPrivs:[[:space:]]*1$' "$status" && continue
    why='a thread of the receiver is not confined'
    return 1
  done
}

works_confined() {
  lay_out
  local i
  mkdir -p "$work/from/tree/a/b/c" "$work/from/tree/empty"
  for ((i = 1; i <= 200; i++)); do random_file "$work/from/tree/a/$i" $((i * 31)); done
  random_file "$work/from/tree/a/b/c/large" 20000000
  receive --overwrite changed "$work/to" && is_confined || return 1
  sends 0 "$work/from/tree" 127.0.0.1 && same "$work/from" "$work/to" || return 1
  random_file "$work/from/tree/a/7" 5000
  sends 0 "$work/from/tree" 127.0.0.1 && same "$work/from" "$work/to" || return 1
  random_file "$work/from/large" 4000000 # one of 4 MiB and more would leave its part, to go on from
  timeout -s INT 1 "$program" send -q --port "$port" --bwlimit 500kB "$work/from/large" 127.0.0.1 \
    2>"$work/send.log"
  wait_until 10 no_parts "$work/to" || return 1
  why=
  [ ! -e "$work/to/large" ] && stays && kill -TERM "$receiver" && leaves "$receiver" 5 20 || return 1
  receive -4 --once "$work/to" && is_confined && sends 0 "$work/from/tree" 127.0.0.1 &&
    leaves "$receiver" 10 0 && same "$work/from/tree" "$work/to/tree"
}

shows_progress_confined() {
  lay_out
  random_file "$work/from/a" 12000000
  local terminal with_terminal
  with_terminal=(env TERM=xterm python3 -c 'import os, pty, sys
status = pty.spawn(sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(status))')
  receives=$((receives + 1))
  receiver_log=$work/recv.$receives.log
  "${with_terminal[@]}" "$program" recv --port 0 --once "$work/to" >"$receiver_log" 2>&1 </dev/null &
  terminal=$!
  running+=("$terminal")
  wait_until 10 receiver_is_ready || { why="does not start: $(tail -n 2 "$receiver_log")" && return 1; }
  sends 0 --bwlimit 6MB "$work/from/a" 127.0.0.1 && leaves "$terminal" 10 0 && same "$work/from" "$work/to" &&
    says "$receiver_log" '%' && says "$receiver_log" 'received 1 file'
}

"${CC:-cc}" -O2 -std=c17 -D_GNU_SOURCE -o "$swap" "$(dirname "$0")/swap.c" || exit 1
it 'traps at final names, never overwriting' traps_hold_never
it 'traps at final names, overwriting what changed' traps_hold_changed
it 'traps at final names, overwriting always, without a sandbox' traps_hold_always
it 'traps where folders should be, without a sandbox' traps_as_parents
it 'traps at likely part names' likely_parts
it 'part files become symbolic links' parts_become_links
it 'part files become hard links' parts_become_hard_links
it 'part files become FIFOs' parts_become_fifos
it 'a folder changes places with a link in DIR' swapped_inside
it 'a folder changes places with a link outside' swapped_beside
it 'the same in DIR, without a sandbox' swapped_inside_alone
it 'the same outside, without a sandbox' swapped_beside_alone
it 'trees, overwriting, an abort and the end, confined' works_confined
if command -v python3 >/dev/null; then
  it 'progress on a terminal, confined' shows_progress_confined
fi
finish
