#!/usr/bin/env bash
# Receivers with real keys that break the rules, or follow them to do harm. Whatever they do, a sender ends
# by itself and in time, with the status that the manual says, or goes on unharmed; it leaves its sources as
# they are, says nothing raw to a terminal, does not grow, does not spin; and sends to an honest receiver
# right after.
#
# The sender is the build with sanitizers if there is one; where time and memory are judged the
# plain one, too.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

hostile=$root/build/gcc/e2e/hostile_receiver
plain=$program
checked=$plain
[ ! -x "$root/build/asan/udpcp" ] || checked=$root/build/asan/udpcp
export UBSAN_OPTIONS=print_stacktrace=1
# A process that guards its memory cannot be searched for leaks by another user than root.
[ "$(id -u)" = 0 ] || export ASAN_OPTIONS=detect_leaks=0
grows_kib_max=8192
cpu_ms_max=1500
timeout_s=1
stall_s_max=$((6 * timeout_s + 2))

# large: seven blocks, of which four come unasked.
lay_out() {
  fresh from to
  mkdir "$work/from/folder"
  random_file "$work/from/large" 1700000
  random_file "$work/from/small" 1000
  listing "$work/from" >"$work/listing.before"
}

now_ms() { echo "${EPOCHREALTIME//./}" | cut -c 1-13; }
value_of() { awk -v name="$2" '{ for (i = 1; i < NF; i++) if ($i == name) print $(i + 1) }' "$work/$1"; }

hostile_is_ready() {
  hostile_port=$(sed -n 's/^listening //p' "$work/$1.hostile" 2>/dev/null)
  [ -n "$hostile_port" ]
}

# begin_hostile TAG CASE...: sets hostile_port. Each is met with a memory of its own: ports come again.
begin_hostile() {
  mkdir -p "$work/config.$1"
  rm -f "$work/$1.hostile"
  XDG_CONFIG_HOME=$work/config.$1 "$hostile" "${@:2}" >"$work/$1.hostile" 2>&1 &
  wait_until 5 hostile_is_ready "$1" && return
  why="the hostile receiver does not start: $(tail -n 2 "$work/$1.hostile" | tr '\n' '|')"
  return 1
}

# meet TAG PROGRAM: a sender that meets it, to its end.
meet() {
  local begin
  begin=$(now_ms)
  XDG_CONFIG_HOME=$work/config.$1 timeout -k 1 "$((stall_s_max + 1))" "$hostile" --run "$work/$1.usage" "$2" \
    send --timeout "$timeout_s" --port "$hostile_port" "${sources[@]}" 127.0.0.1 \
    >"$work/$1.out" 2>"$work/$1.log"
  echo "status $? ms $(($(now_ms) - begin))" >"$work/$1.met"
}
sources=("$work/from/large" "$work/from/small" "$work/from/folder")

# judge TAG STATUS TEXT: what became of that sender.
judge() {
  local met
  met=$(value_of "$1.met" status)
  if [ "$met" = 124 ] || [ "$met" = 137 ]; then
    why="still running after $stall_s_max s"
  elif grep -q 'Sanitizer\|runtime error\|Assertion' "$work/$1.log"; then
    why="fell: $(grep -m 1 'Sanitizer\|runtime error\|Assertion' "$work/$1.log")"
  elif [ "$met" != "$2" ]; then
    why="left with $met, not $2: $(tail -qn 2 "$work/$1.log" "$work/$1.hostile" | tr '\n' '|')"
  elif [ "$(cat "$work/$1.out" "$work/$1.log" | tr -d '\12\40-\176' | wc -c)" != 0 ]; then
    why="said raw: $(cat -v "$work/$1.log" | tail -n 2)"
  elif ! cmp -s "$work/listing.before" <(listing "$work/from"); then
    why='the sources are not what they were'
  else
    [ -z "$3" ] || says "$work/$1.log" "$3"
    return
  fi
  return 1
}

# What an honest session of the same files takes is the measure.
stays_small() {
  local cpu_ms max_kib
  cpu_ms=$(value_of "$1.usage" cpu_ms) max_kib=$(value_of "$1.usage" max_kib)
  [ "$((max_kib - honest_kib))" -le "$grows_kib_max" ] || why="grew to $max_kib KiB, not $honest_kib"
  [ "$cpu_ms" -le "$cpu_ms_max" ] || why="took $cpu_ms ms of the processor"
  [ -z "$why" ]
}

# One honest receiver for all of it: each time a folder of its own.
begin_honest() {
  program=$plain receive "$work/to" || return 1
  honest_receiver=$receiver honest_port=$port running=()
  trap 'kill "$honest_receiver"; clean_up' EXIT
}
honest_times=0

honest_again() {
  local port=$honest_port
  honest_times=$((honest_times + 1))
  program=$plain sends 0 -q "${sources[@]}" "127.0.0.1:$honest_times" &&
    same "$work/from" "$work/to/$honest_times"
}

row_with() { begin_hostile row "${row_case[@]}" && meet row "$1" && judge row "$row_status" "$row_text"; }

plays_row() {
  row_with "$checked" && { [ "$row_kind" = checked ] || { row_with "$plain" && stays_small row; }; } &&
    honest_again
}

# row NAME KIND STATUS CASE TEXT: KIND is `checked`, or `measured` for both builds.
row() {
  row_kind=$2 row_status=$3 row_text=$5
  read -ra row_case <<<"$4"
  it "$1" plays_row
}

is_met_honestly() {
  begin_hostile honest be_honest && meet honest "$plain" && judge honest 0 'sent 2 files' || return 1
  honest_kib=$(value_of honest.usage max_kib)
  honest_datagrams=$(value_of honest.hostile datagrams)
  honest_again
}

answers_stay_few() {
  local datagrams forged
  plays_row || return 1
  datagrams=$(value_of row.hostile datagrams) forged=$(value_of row.hostile forged)
  [ "$datagrams" -le $((forged + 2 * honest_datagrams)) ] && return
  why="$datagrams datagrams in answer to $forged"
  return 1
}

# A row whose answers are counted.
flood_row() {
  row_kind=measured row_status=0 row_text='sent 2 files'
  read -ra row_case <<<"$2"
  it "$1" answers_stay_few
}

# Those that only wait run beside all others: begun here, judged at the end.
stalls=(no_window answer_nothing welcome_and_no_more)
begin_stalls() {
  local stall
  for stall in "${stalls[@]}"; do
    begin_hostile "$stall" "$stall" || return 1
    meet "$stall" "$plain" &
    stall_pids+=($!)
  done
}
stall_pids=()

ends_by_its_clock() {
  judge "$stall" 30 'nothing has moved' && stays_small "$stall" && honest_again
}

accepts_many() {
  local sources=("$work/many") i
  fresh many
  for ((i = 0; i < 3000; i++)); do echo "$i" >"$work/many/$i"; done
  row_case=(welcome_without_bounds) row_status=0 row_text='sent 3000 files'
  row_with "$plain" && stays_small row
}

shows_no_reason_raw() {
  local code
  for code in 1:11 5:5 6:5 7:20 8:30 9:12 10:11 0:12 99:12; do
    row_case=(close_with_reason "${code%:*}") row_status=${code#*:} row_text='\x1b]0;owned\x07\x1b[2J'
    [ "$row_status" != 20 ] || row_text='interrupted by the other side' # it shows no reason
    row_with "$checked" || { why="code ${code%:*}: $why" && return 1; }
    ! grep -q '^udpcp: all is well\|behind' "$work/row.log" ||
      { why='a line of the receiver stands by itself' && return 1; }
  done
  honest_again
}

lay_out
begin_honest || { echo "$why" && exit 1; }
it 'an honest one, for comparison' is_met_honestly
begin_stalls || exit 1

broken='does not follow the protocol'
row 'acknowledges what was not sent' checked 12 ack_unsent 'acknowledges what was never sent'
row 'a first range that reaches below zero' checked 12 ack_below_zero 'malformed frame'
row 'a gap that reaches below zero' checked 12 ack_gap_below_zero 'malformed frame'
row 'a later range that reaches below zero' checked 12 ack_range_below_zero 'malformed frame'
row 'acknowledges every second packet for ever' measured 0 ack_every_second 'sent 2 files'
row 'a delay of 2^62 - 1' measured 0 ack_delay 'sent 2 files'
flood_row 'a flood of path challenges' challenge_flood
flood_row 'a flood of wishes for acknowledgements' frequency_flood
row 'grants everything, then nothing' checked 0 max_data 'sent 2 files'
row 'falls silent' checked 30 fall_silent 'has been silent'
row 'a key update on every packet' measured 30 new_keys 'has been silent'
row 'key updates as fast as the sender follows' checked 0 frequent_keys 'sent 2 files'
row 'READY is never sent' checked 0 no_ready 'sent 2 files'
row 'control bytes one beyond the window' checked 12 'control_beyond_window 262144' 'beyond the window'
row 'control bytes at the largest offset' checked 12 'control_beyond_window 4611686018427387902' \
  'beyond the window'
row 'sends a block' checked 12 send_block "$broken"
row 'goes on with the handshake when it is over' checked 12 crypto_after_all "$broken"
row 'an idle time of a millisecond' checked 30 idle_at_once ''
row 'speaks from another address' checked 0 speak_from_elsewhere 'sent 2 files'
row 'moves to another address' checked 30 move_away 'has been silent'
row 'WANT of what was never announced' checked 12 want_unannounced 'which is not open'
row 'WANT of the largest number' checked 12 want_largest 'which is not open'
row 'WANT of a number there is not' checked 12 want_beyond_numbers 'malformed message (WANT)'
row 'WANT twice' checked 12 want_twice 'which needs none'
row 'WANT of a small file' checked 12 want_small 'which needs none'
row 'WANT of a folder' checked 12 want_folder 'which needs none'
row 'WANT of what has had its RESULT' checked 12 want_answered 'which is not open'
row 'holds one block past the end' checked 12 'resume_past_end 4' 'beyond its end'
row 'holds blocks up to 2^62' checked 12 'resume_past_end 4611686018427387899' 'beyond its end'
row 'holds ranges that pass 2^62' checked 12 resume_beyond_numbers 'malformed message (WANT)'
row 'holds ranges that touch' checked 12 resume_overlapping 'malformed message (WANT)'
row 'holds an empty range' checked 12 resume_empty_range 'malformed message (WANT)'
row 'holds ranges it does not tell' checked 12 resume_without_ranges 'malformed message (WANT)'
row 'holds more ranges than a message can tell' checked 12 resume_many_ranges 'malformed message (WANT)'
row 'holds everything' checked 0 resume_all 'were there from an earlier try'
row 'RESULT of what was never announced' checked 12 result_unannounced 'which is not open'
row 'RESULT of all numbers' checked 12 result_of_all_numbers 'which is not open'
row 'RESULT of more than all numbers' checked 12 result_of_too_many 'malformed message (RESULT)'
row 'RESULT of nothing' checked 12 result_of_none 'malformed message (RESULT)'
row 'RESULT twice' checked 12 result_twice 'which is not open'
row 'COMMITTED before the data' checked 12 result_before_data 'cannot be true yet'
row 'COMMITTED of what could not be sent' checked 12 result_unsent 'cannot be true yet'
row 'WOULD, though it is no dry run' checked 12 result_would 'cannot be true yet'
row 'RESULT of unknown status' checked 12 result_unknown_status 'malformed message (RESULT)'
row 'FAILED for no reason' checked 12 result_failed_by_nothing 'malformed message (RESULT)'
row 'FAILED for reasons unheard of' checked 23 result_failed '3 failed'
row 'FINISHED too early' checked 12 finished_too_early 'objects unanswered'
row 'an unknown mandatory message' checked 12 message_unknown 'mandatory and not known'
row 'long optional messages' checked 0 message_optional 'sent 2 files'
row 'a message for the other direction' checked 12 message_for_the_receiver 'other direction'
row 'a message that is too long' checked 12 message_too_long 'malformed message'
row 'a message that lacks its end' checked 12 message_cut_short 'malformed message (RESULT)'
row 'WELCOME twice' checked 12 welcome_twice 'a second WELCOME'
row 'RESULT before WELCOME' checked 12 nothing_before_welcome 'before WELCOME'
row 'WELCOME to no objects at all' checked 12 welcome_to_nothing 'less than the least'
row 'WELCOME to fewer than the least' checked 12 welcome_too_narrow 'less than the least'
row 'WELCOME of another version' checked 12 welcome_version 'not known here'
row 'WELCOME with unknown flags' checked 12 welcome_flags 'unknown flags'
row 'a dry run nobody asked for' checked 0 dry_run 'would send 2 files'
it 'WELCOME to 2^62 objects' accepts_many
it 'a CLOSE for the terminal' shows_no_reason_raw

wait "${stall_pids[@]}"
stall=no_window && it 'a window of nothing for ever' ends_by_its_clock
stall=answer_nothing && it 'acknowledges everything and never answers' ends_by_its_clock
stall=welcome_and_no_more && it 'takes everything and never says RESULT' ends_by_its_clock
finish
