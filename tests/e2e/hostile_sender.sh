#!/usr/bin/env bash
# A sender that may send (its keys and its handshake are good) and means harm. Each case lets it do one thing
# (hostile_sender.c has the table, and what the receiver is to answer); an honest transfer beside it must
# arrive, the receiver stays, and nothing changes outside of DIR or stays behind in it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

hostile=$root/build/gcc/e2e/hostile_sender
plain=$program
attacked=$program # with sanitizers, where that was built and no other program was asked for
[ "$program" = "$root/build/udpcp" ] && [ -x "$root/build/asan/udpcp" ] && attacked=$root/build/asan/udpcp

# ---- receivers that live longer than a case ----
kept=()
trap 'running+=(${kept[@]+"${kept[@]}"}); clean_up' EXIT

# What a case before left behind, and its words, are not held against the next one.
clear_up() {
  find "$work/outer/in" -mindepth 1 -delete
  outside >"$work/outside.before"
  said=$(stat -c %s "$receiver_log")
}

# keep: the receiver just started is not ended with its case.
keep() {
  kept+=("$receiver")
  running=()
}

start() { # start PROGRAM OPTION...
  local program=$1
  shift
  receive "$@" "$work/outer/${folder:-in}" && keep && clear_up
}

# The one most cases share.
use_shared() {
  if [ -z "${shared:-}" ] || ! is_running "$shared"; then
    start "$attacked" -v --timeout 5 || return 1
    shared=$receiver shared_port=$port shared_log=$receiver_log
  fi
  receiver=$shared port=$shared_port receiver_log=$shared_log
  clear_up
}

# fails WHY: what a case ends with.
fails() {
  why=${why:+$why; }$1
  return 1
}

# ---- what must hold, whatever the sender does ----
outside() (
  cd "$work/outer" && find . \( -path ./in -o -path ./slow \) -prune -o -printf '%y %m %T@ %s %p %l\n' | sort
  sha256sum secret folder/secret
  stat -c '%n %s %Y %i' /etc/passwd
)

lay_out() {
  fresh outer outer/in outer/slow outer/folder from
  echo precious | tee "$work/outer/secret" >"$work/outer/folder/secret"
  random_file "$work/from/honest" 300000
}

nothing_outside_changed() {
  outside >"$work/outside.after"
  cmp -s "$work/outside.before" "$work/outside.after" && return
  why="outside of DIR changed: $(diff "$work/outside.before" "$work/outside.after" | head -n 4 | tr '\n' '|')"
  return 1
}

stands() {
  is_running "$receiver" && ! grep -aqE 'Sanitizer|runtime error|Assertion' "$receiver_log" && return
  why="the receiver has fallen: $(tail -n 3 "$receiver_log" | cat -v | tr '\n' '|')"
  return 1
}

# Its own words are ASCII, and the sender's are escaped.
says_nothing_raw() {
  local raw
  raw=$(tail -c "+$((said + 1))" "$receiver_log" | grep -aP '[^\x20-\x7e]' | head -n 1 | cat -v)
  [ -z "$raw" ] || fails "raw bytes in what it says: $raw" || return 1
}

honest() {
  timeout -k 2 20 "$plain" send -q --port "$port" "$work/from/honest" 127.0.0.1 2>"$work/honest.log"
}

honest_arrives() { # honest_arrives PID
  end_of "$1" 20 || return 1
  [ "$status" = 0 ] ||
    fails "the honest sender left with $status: $(tail -n 2 "$work/honest.log")" || return 1
  cmp -s "$work/from/honest" "$work/outer/in/honest" ||
    fails 'the honest file did not arrive whole' || return 1
  rm "$work/outer/in/honest"
}

# strikes LABEL [NUMBER]: the attack, and an honest transfer beside it.
strikes() {
  local beside answer
  honest &
  beside=$!
  answer=$(timeout -k 2 20 "$hostile" "$1" "$port" ${2:+"$2"} 2>&1)
  status=$?
  [ "$status" = 0 ] || why="$1: $status: $answer"
  stands && nothing_outside_changed && says_nothing_raw && [ -z "$why" ] && honest_arrives "$beside"
}

# holds NAME...: that, and nothing else, is in DIR; cleared for the next case.
holds() {
  local found wanted
  wait_until 5 no_parts "$work/outer/in" || return 1 # they go when the session has ended
  why=
  wanted=$(printf '%s\n' "$@" | sort)
  found=$(cd "$work/outer/in" && find . -mindepth 1 -printf '%P\n' | sort)
  find "$work/outer/in" -mindepth 1 -delete
  [ "$found" = "$wanted" ] && return
  why="DIR holds '$(head -n 5 <<<"$found" | cat -v | tr '\n' ' ')', not '$*'"
  return 1
}

refused() { use_shared && strikes "$label" && holds; }
refuses() { # refuses LABEL TITLE: nothing of it lands
  label=$1
  it "$2" refused
}
takes() { # takes LABEL TITLE NAME...: these land, and nothing else
  label=$1 landed=("${@:3}")
  it "$2" taken
}
taken() { use_shared && strikes "$label" && holds "${landed[@]}"; }

# ---- names and attributes ----
escapes=$'\e[2J\e]0;owned\a\r\n\x9b\xe2\x80\xaetxt.exe\xe2\x80\x8f\xc2\x85'
shown='\x1b[2J\x1b]0;owned\x07\x0d\x0a\x9b\xe2\x80\xaetxt.exe\xe2\x80\x8f\xc2\x85'

escapes_in_a_log() {
  use_shared && strikes name-escapes && says "$receiver_log" "$shown" || return 1
  [ -f "$work/outer/in/$escapes" ] || fails 'it did not land by its bytes' || return 1
  rm "$work/outer/in/$escapes"
  strikes reason-escapes && says "$receiver_log" '\x1b[2J\x1b]0;owned\x07' && holds
}

terminal_is_ready() {
  port=$(sed -n 's/.* on UDP port \([0-9]*\).*/\1/p' "$work/typescript" 2>/dev/null)
  [ -n "$port" ]
}

escapes_on_a_terminal() {
  local typescript=$work/typescript case
  rm -f "$typescript"
  use_shared || return 1
  TERM=xterm script -qefc "exec '$attacked' recv -v --port 0 '$work/outer/in'" "$typescript" \
    </dev/null >/dev/null &
  running+=($!)
  wait_until 10 terminal_is_ready || fails 'no receiver on a terminal' || return 1
  for case in name-escapes reason-escapes; do why=$("$hostile" "$case" "$port") || return 1; done
  why=
  honest || fails 'the honest sender failed' || return 1
  says "$typescript" "$shown" || return 1
  if LC_ALL=C grep -aqP '\e\[2J|\e\]|\a|\xe2\x80|\x9b' "$typescript"; then
    why='something of it reached the terminal raw'
    return 1
  fi
  find "$work/outer/in" -mindepth 1 -delete
}

mode_is_masked() {
  local mode mask
  mask=$(umask)
  umask 027
  start "$attacked"
  umask "$mask"
  strikes mode-0777 || return 1
  mode=$(stat -c %a "$work/outer/in/mode")
  holds mode && [ "$mode" = 750 ] && return
  why="${why:-it has mode $mode}"
  return 1
}

# ---- sizes ----
free_bytes() { echo $(($(stat -f -c '%f * %S' "$work"))); }

more_than_is_free() {
  local before
  before=$(free_bytes)
  use_shared && strikes size-given $((before + (1 << 30))) && holds || return 1
  [ "$(free_bytes)" -gt $((before / 2)) ] || fails 'the disk has filled' || return 1
}

# What may stay of a large file (proto/transfer.md section 6) is sparse, and counts for what was sent only.
last_byte_only() {
  use_shared && strikes block-last-byte || return 1
  [ "$(du -sk "$work/outer/in" | cut -f 1)" -lt 1024 ] || fails 'it takes room on the disk' || return 1
  find "$work/outer/in" -name '.udpcp-*' -delete
  holds
}

# Contents that were forged for the first blocks of a file are never mixed with the honest ones: they fail
# that transfer once, and are gone then.
poisoned_resume() {
  random_file "$work/from/resumed" 5000000
  touch -d @1000000000 "$work/from/resumed"
  use_shared && strikes resume-poisoned 5000000 || return 1
  timeout -k 2 20 "$plain" send -q --port "$port" "$work/from/resumed" 127.0.0.1 2>"$work/send.log"
  status=$?
  [ "$status" = 0 ] || [ ! -e "$work/outer/in/resumed" ] ||
    fails 'it stands there, reported as failed' || return 1
  sends 0 -q "$work/from/resumed" 127.0.0.1 || return 1
  cmp -s "$work/from/resumed" "$work/outer/in/resumed" || fails 'a mixture' || return 1
  holds resumed
}

# ---- what stands in DIR ----
set_traps() {
  places=(link below-link pipe hard)
  ln -s ../secret "$work/outer/in/link"
  ln -s ../folder "$work/outer/in/folder"
  mkfifo "$work/outer/in/pipe"
  ln "$work/outer/secret" "$work/outer/in/hard"
  if mknod "$work/outer/in/device" c 1 3 2>/dev/null; then places+=(device); fi
}

places_stay() {
  local place before
  use_shared && set_traps || return 1
  before=$(listing "$work/outer/in" | tr '\0' '\n')
  for place in "${places[@]}"; do strikes "place-$place" || return 1; done
  [ "$(listing "$work/outer/in" | tr '\0' '\n')" = "$before" ] || fails 'what stood there changed' || return 1
  find "$work/outer/in" -mindepth 1 -delete
}

places_stay_when_replacing() {
  local place
  start "$attacked" --overwrite always && set_traps || return 1
  for place in "${places[@]}"; do
    [ "$place" = hard ] || strikes "place-$place" || return 1
  done
  strikes place-hard-replaced || return 1
  [ "$(stat -c %h "$work/outer/in/hard")" = 1 ] || fails 'the other link was written to' || return 1
  [ -L "$work/outer/in/link" ] && [ -p "$work/outer/in/pipe" ] ||
    fails 'what is no file was replaced' || return 1
  find "$work/outer/in" -mindepth 1 -delete
}

one_name_twice() {
  use_shared && strikes one-name-twice || return 1
  grep -qxE 'X{18}|not what it seems' "$work/outer/in/same" || grep -qE '^X{18}$' "$work/outer/in/same" ||
    { why='neither of the two, whole' && return 1; }
  holds same
}

# ---- memory and descriptors, of the plain build ----
use_plain() {
  if [ -z "${lean:-}" ] || ! is_running "$lean"; then
    start "$plain" --no-fsync --timeout 10 || return 1
    lean=$receiver lean_port=$port lean_log=$receiver_log
    honest && rm "$work/outer/in/honest" # the first session takes what all need
  fi
  receiver=$lean port=$lean_port receiver_log=$lean_log
  clear_up
}
peak_kib() { awk '/^VmHWM:/ { print $2 }' "/proc/$receiver/status"; }
descriptors() { find "/proc/$receiver/fd" -mindepth 1 2>/dev/null | wc -l; }

grows() { # grows KIB COMMAND...: at most, while it runs
  local before after kib=$1
  before=$(peak_kib)
  "${@:2}" || return 1
  after=$(peak_kib)
  [ $((after - before)) -le "$kib" ] || fails "grew by $((after - before)) KiB" || return 1
}

# A session's window is 32 MiB, and a byte in each page of it is what one sender can take; the next one finds
# the same buffers.
fragments_twice() { strikes fragments && strikes fragments; }
a_million_fragments() { use_plain && grows $((40 * 1024)) fragments_twice && holds; }

a_million_entries() { use_plain && grows 8192 strikes entries && holds d; }

# Three at a time, of 3400 each.
many_at_once() {
  local pid pids=() most=0 now
  for _ in 1 2 3; do
    "$hostile" opens "$port" >"$work/opens.log" &
    pids+=($!)
  done
  honest || fails "the honest sender failed: $(cat "$work/honest.log")" || return 1
  while is_running "${pids[0]}"; do
    now=$(descriptors)
    [ "$now" -gt "$most" ] && most=$now
    sleep 0.05
  done
  for pid in "${pids[@]}"; do leaves "$pid" 10 0 || return 1; done
  rm "$work/outer/in/honest"
  stands && nothing_outside_changed || return 1
  [ "$most" -le $(($1 + 3 * 72)) ] || fails "up to $most descriptors" || return 1
}
has_descriptors() { [ "$(descriptors)" -le "$1" ]; }
ten_thousand_opens() {
  local before
  use_plain || return 1
  for _ in 1 2 3 4 5; do # then the heap has its shape, and it is a leak that grows
    grows $((24 * 1024)) many_at_once "$(descriptors)" || return 1
  done
  before=$(descriptors)
  grows 2048 many_at_once "$before" || return 1
  # The latest few folders stay open; had any of the 10,200 kept one, it would be hundreds.
  wait_until 5 has_descriptors $((before + 8)) ||
    fails "$(descriptors) descriptors, before $before" || return 1
  holds # nor the folder on the way to them
}

# ---- stalls: begun first, for they take their time ----
# asks NAME: what an honest sender hears meanwhile.
asks() {
  honest
  echo $? >"$work/heard.$1"
}
heard() { # heard NAME STATUS
  [ "$(cat "$work/heard.$1")" = "$2" ] ||
    fails "the honest sender left with $(cat "$work/heard.$1")" || return 1
}
has_stalled() { grep -q 'places taken, then: too many senders' "$work/stall.all"; }

begin_stalls() {
  local case folder=slow
  start "$attacked" --timeout 2 || return 1
  stalled=$receiver stalled_port=$port stalled_log=$receiver_log
  stalls=()
  for case in hello mute-hello entry dead; do
    timeout 20 "$hostile" "stall-$case" "$port" >"$work/stall.$case" 2>&1 &
    stalls+=("$!")
  done
  start "$plain" --timeout 2 --once || return 1
  once=$receiver once_port=$port once_log=$receiver_log
  timeout 20 "$hostile" stall-entry "$port" >"$work/stall.once" 2>&1 &
  stalls+=("$!")
  (sleep 1 && asks once) &
  stalls_heard=$!
  start "$plain" --timeout 2 || return 1
  full=$receiver full_port=$port full_log=$receiver_log
  timeout 30 "$hostile" stall-all "$port" >"$work/stall.all" 2>&1 &
  stall_all=$!
  wait_until 10 has_stalled && asks full
}

gets_in_after() { # gets_in_after PID...: once these have been let go
  local pid
  for pid; do leaves "$pid" 20 0 || fails "$(cat "$work"/stall.* | tr '\n' '|')" || return 1; done
  honest &
  end_of $! 20 || return 1
  [ "$status" = 0 ] || fails "the honest sender left with $status: $(cat "$work/honest.log")" || return 1
  cmp -s "$work/from/honest" "$work/outer/slow/honest" || fails 'the honest file is not there' || return 1
  rm "$work/outer/slow/honest"
  stands && nothing_outside_changed && wait_until 5 no_parts "$work/outer/slow"
}

full_table() {
  receiver=$full port=$full_port receiver_log=$full_log
  heard full 5 && gets_in_after "$stall_all"
}

# Who stalls holds the one place while he does, and does not use it up: it is the next one's.
goes_on_waiting() {
  wait "$stalls_heard"
  heard once 5 && wait_until 20 says "$once_log" 'still waiting' || return 1
  receiver=$once port=$once_port receiver_log=$once_log
  stands && honest && leaves "$once" 10 0 || fails "after that: $(cat "$work/honest.log")" || return 1
  cmp -s "$work/from/honest" "$work/outer/slow/honest" || fails 'the honest file is not there' || return 1
  rm "$work/outer/slow/honest"
}

# Nor does who breaks the rules, from the first word on.
waits_again() { [ "$(grep -c 'still waiting' "$receiver_log")" = "$1" ]; }
once_is_not_for_rubbish() {
  local case waits=0
  start "$attacked" --once --timeout 5 || return 1
  for case in message-no-hello name-up; do
    why=$("$hostile" "$case" "$port" 2>&1) || return 1
    waits=$((waits + 1))
    wait_until 10 waits_again "$waits" || fails 'it does not say that it waits' || return 1
  done
  why=
  stands && honest && leaves "$receiver" 10 0 && holds honest
}

stalls_end() {
  receiver=$stalled port=$stalled_port receiver_log=$stalled_log
  gets_in_after "${stalls[@]}"
}

no_leak() {
  use_shared
  running=("$shared")
  kill -TERM "$shared" && leaves "$shared" 10 20 || return 1
  ! grep -aqE 'Sanitizer|runtime error' "$shared_log" ||
    fails "$(grep -aE 'Sanitizer' "$shared_log" | head -n 1)"
}

# ---- the list ----
lay_out
begin_stalls || printf 'FAIL %s\n' "$why" >&2

refuses name-up 'the name ../x'
refuses name-absolute 'the name /etc/passwd'
refuses name-up-later 'the name a/../../x'
refuses name-empty 'an empty name'
refuses name-dot 'the name .'
refuses name-dot-dot 'the name ..'
refuses name-slash-behind 'the name a/'
refuses name-two-slashes 'the name a//b'
refuses name-nul 'a NUL in a name'
refuses name-component-256 'a component of 256 bytes'
refuses name-4097 'a name of 4097 bytes'
refuses name-part 'our own part name'
refuses name-journal 'our own journal name'
refuses name-joined 'a way up made of two entries'
refuses name-leaning 'a name that leans on more than there is'
it 'escape sequences and right-to-left marks, in a log' escapes_in_a_log
if command -v script >/dev/null; then it 'the same on a terminal' escapes_on_a_terminal; fi
refuses mode-06777 'mode 06777'
it 'mode 0777 under umask 027' mode_is_masked
takes mtime-last 'the last mtime' mtime-last
takes mtime-first 'the first mtime' mtime-first
refuses size-largest 'the largest size'
refuses size-sum 'sizes whose sum is too large'
it 'more than is free' more_than_is_free
refuses block-beyond 'data past the announced size'
refuses block-larger 'a block larger than the file'
refuses block-smaller 'a block smaller than the file'
refuses block-last-number 'one byte at the largest block number'
it 'of a large file its last byte only' last_byte_only
refuses block-unasked 'a block that was not asked for'
refuses block-far-object 'a block of the last object there can be'
refuses block-damaged 'a block that is not what was hashed'
refuses block-wrong-hash 'a wrong block hash'
refuses block-encoded 'a block of unknown encoding'
refuses block-twice 'a block twice, with other bytes'
refuses overlap-first-right 'overlapping fragments, the last one wrong'
takes overlap-last-right 'overlapping fragments, put right in time' overlap
refuses digest-wrong 'a wrong digest of a file'
refuses digest-unannounced 'a digest of what was never announced'
refuses digest-not-due 'a digest where none is due'
it 'a poisoned part file and journal' poisoned_resume
refuses control-far 'a control byte at the largest offset'
refuses crypto-far 'a handshake byte at the largest offset'
refuses fragment-far 'a fragment at the largest offset'
refuses fragment-far-number 'a fragment of the last block there can be'
refuses fragment-far-whole 'a whole block of the last number'
refuses fragment-no-class 'a fragment of no size class'
it 'links, a FIFO and a device at the final name' places_stay
it 'the same where files may be replaced' places_stay_when_replacing
refuses message-mandatory 'an unknown mandatory message'
takes message-optional 'an unknown optional message' optional
refuses message-endless 'a message of endless length'
refuses message-8193 'a message of 8193 bytes'
refuses message-result 'RESULT from a sender'
refuses message-welcome 'WELCOME from a sender'
refuses message-hello-twice 'HELLO twice'
refuses message-no-hello 'no HELLO'
refuses message-flags 'unknown flags'
refuses message-version 'another version'
refuses end-twice 'END twice'
refuses end-then-entry 'ENTRY after END'
refuses end-wrong 'END of more than was announced'
it 'two objects of one name' one_name_twice
takes file-as-folder 'a file used as a folder' t
takes folder-as-file 'a folder used as a file' v v/w
refuses opens-too-many 'more opens than are allowed'
it 'all of these leave nothing behind in memory' no_leak
it '10,000 opens' ten_thousand_opens
it 'a million one-byte fragments with gaps' a_million_fragments
it 'a million tiny entries' a_million_entries
it 'a full table of stalled senders' full_table
it 'a stalled sender and --once' goes_on_waiting
it 'rubbish and --once' once_is_not_for_rubbish
it 'stalls after the handshake, HELLO and ENTRY' stalls_end
finish
