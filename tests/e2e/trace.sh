#!/usr/bin/env bash
# --trace: what it writes is qlog that agrees with itself, and tools/trace-page draws it, also when it is
# damaged, foreign or hostile.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

page=$root/tools/trace-page
check=$(dirname "$0")/trace_check.py

# checks ROLE FILE: sets groups, lost and events from what the trace holds.
checks() {
  local said
  said=$(python3 "$check" "$1" "$2" 2>&1) || { why=$(tail -n 1 <<<"$said") && return 1; }
  eval "$said"
}

# One file over a lossy link, traced at both ends; the traces stay for the cases below.
lossy() {
  fresh from to
  random_file "$work/from/file" 3000000
  receive --once --trace "$work/recv.sqlog" "$work/to" || return 1
  # shellcheck disable=SC2016 # for the inner shell
  timeout -k 5 60 "$netlab" --relay "0:127.0.0.1:$port" --rate 100Mbit --delay 5ms --loss 2% --seed 3 -- \
    bash -c '"$1" send --cc bbr --trace "$3" --port "$NETLAB_PORT" "$2" 127.0.0.1 && sleep 0.2' - "$program" \
    "$work/from/file" "$work/send.sqlog" >"$work/lab.log" 2>&1 || # what is under way is lost with the relay
    { why="send: $(tail -n 2 "$work/lab.log")" && return 1; }
  leaves "$receiver" 10 0 && same "$work/from" "$work/to" || return 1
  checks client "$work/send.sqlog" || return 1
  local at_sender=$groups
  [ "$lost" -ge 5 ] || { why="2% of 2,000 packets were lost, and $lost are in the trace" && return 1; }
  checks server "$work/recv.sqlog" || return 1
  [ "$groups" = "$at_sender" ] || { why="one connection is $at_sender and $groups" && return 1; }
  [ "$(stat -c %a "$work/send.sqlog")" = 600 ] || { why='others may read it' && return 1; }
  # A trace of sizes and times: a piece of the file is not in it.
  ! grep -qF -e "$(head -c 30 "$work/from/file" | base64)" -e "$work/from" "$work/send.sqlog"
}

two_sessions() {
  fresh from to
  random_file "$work/from/a" 100000
  random_file "$work/from/b" 100000
  receive --trace "$work/two.sqlog" "$work/to" || return 1
  sends 0 "$work/from/a" 127.0.0.1 && sends 0 "$work/from/b" 127.0.0.1 || return 1
  kill -TERM "$receiver"
  leaves "$receiver" 10 20 && same "$work/from" "$work/to" && checks server "$work/two.sqlog" || return 1
  [[ $groups =~ ^[0-9a-f]{16},[0-9a-f]{16}$ ]] || { why="two sessions are $groups" && return 1; }
}

keeps_what_is_no_trace() {
  echo 'Dear reader' >"$work/letter"
  sends 11 --trace "$work/letter" "$work/from/a" 127.0.0.1 || return 1
  says "$work/send.log" 'holds no trace' || return 1
  [ "$(cat "$work/letter")" = 'Dear reader' ] || { why='it is gone' && return 1; }
  sends 1 --trace - "$work/from/a" 127.0.0.1 && says "$work/send.log" 'is no file'
}

one_writer() {
  fresh to
  receive --trace "$work/one.sqlog" "$work/to" || return 1
  sends 11 --trace "$work/one.sqlog" "$work/from/a" 127.0.0.1 &&
    says "$work/send.log" 'another udpcp is writing it'
}

replaces_pages_only() {
  local letter=$work/letter.html
  echo 'Dear reader' >"$letter"
  ! "$page" -o "$letter" "$work/send.sqlog" 2>"$work/page.log" ||
    { why='it wrote over a letter' && return 1; }
  says "$work/page.log" 'it stays' && [ "$(cat "$letter")" = 'Dear reader' ] || { why=gone && return 1; }
  "$page" --force -o "$letter" "$work/send.sqlog" >"$work/page.out" &&
    "$page" -o "$letter" "$work/send.sqlog" >"$work/page.out" || { why='a page is not replaced' && return 1; }
  ! "$page" --frob 2>"$work/page.log" && says "$work/page.log" '--frob'
}

# draws STATUS FILE [OPTION...]: the page is in $work/page, what was said in $work/page.log.
draws() {
  local expected=$1 file=$2 status
  shift 2
  rm -f "$work/page"
  timeout 20 "$page" -o "$work/page" "$@" "$file" >"$work/page.out" 2>"$work/page.log"
  status=$?
  [ "$status" = "$expected" ] && return
  why="trace-page left with $status, not $expected: $(tail -n 2 "$work/page.log")"
  return 1
}

# The page is well-formed, has all panels (but those named), and asks for nothing from elsewhere.
is_whole() {
  python3 - "$work/page" "${1:-}" <<'PY' >"$work/page.why" 2>&1 ||
import re, sys, xml.etree.ElementTree as tree
text = open(sys.argv[1], encoding="utf-8").read()
page = tree.fromstring(text.replace("<!DOCTYPE html>", "", 1).encode())
titles = {e.text for e in page.iter() if e.get("class") == "title"}
assert {"Data", "Rate", "In flight", "Round trip", "Losses"} - {sys.argv[2]} <= titles, titles
assert sys.argv[2] not in titles, titles
assert page.tag == "html" or page.tag.endswith("}svg"), page.tag
elements = [e for e in page.iter() if e.tag.rsplit("}", 1)[-1] in ("image", "link", "iframe", "use", "a")]
assert not elements and not re.search(r"(src|href)=|@import|url\(", text)
drawn = re.sub(r"<style>.*?</style>", "", text)
assert not re.search(r"[\x00-\x08\x0b-\x1f]|nan|inf[^lo]", drawn), "not a number"
PY
    { why=$(tail -n 1 "$work/page.why") && return 1; }
}

draws_both_ends() {
  draws 0 "$work/send.sqlog" && is_whole && grep -q 'acknowledged in .* lost (' "$work/page" || return 1
  draws 0 "$work/recv.sqlog" && is_whole 'In flight' || return 1
  draws 0 "$work/send.sqlog" --svg && is_whole || return 1
  grep -q '<title>.*bbr</title>\|, bbr<' "$work/page" || { why='the controller is not named' && return 1; }
  draws 0 "$work/two.sqlog" "$work/send.sqlog" && is_whole || return 1
  [ "$(grep -o '<figure' "$work/page" | wc -l)" = 3 ] || { why='not three connections' && return 1; }
}

damaged_ones() {
  head -c 100000 "$work/send.sqlog" >"$work/cut.sqlog"
  draws 0 "$work/cut.sqlog" && is_whole && says "$work/page.log" 'cut off' || return 1
  grep -q 'the end is not in the trace' "$work/page" || { why='does not say that the end lacks' && return 1; }
  { head -c 50000 "$work/send.sqlog" && head -c 3000 /dev/urandom && tail -c 50000 "$work/send.sqlog"; } \
    >"$work/hurt.sqlog"
  draws 0 "$work/hurt.sqlog" && is_whole && says "$work/page.log" 'damaged' || return 1
  : >"$work/empty"
  draws 1 "$work/empty" && says "$work/page.log" 'no trace' && draws 1 "$program" || return 1
  echo '{"qlog_version":"0.3","traces":[]}' >"$work/json"
  draws 1 "$work/json" && says "$work/page.log" 'no trace' && draws 1 "$work/none" || return 1
  head -c 40 "$work/send.sqlog" >"$work/short.sqlog"
  draws 1 "$work/short.sqlog" && says "$work/page.log" 'cut off before its first record' || return 1
  head -n 1 "$work/send.sqlog" >"$work/head.sqlog"
  draws 1 "$work/head.sqlog" && says "$work/page.log" 'no connection' && draws 1 "$work"
}

hostile_one() {
  python3 "$(dirname "$0")/trace_hostile.py" "$work/hostile.sqlog" || return 1
  draws 0 "$work/hostile.sqlog" && is_whole && draws 0 "$work/hostile.sqlog" --svg && is_whole || return 1
  ! grep -q '<script>alert' "$work/page" || { why='it got out' && return 1; }
}

it 'both ends of a lossy transfer are traced, and agree with their own counts' lossy
it 'sessions of one receiver share a file, told apart by their id' two_sessions
it 'a file that is no trace stays' keeps_what_is_no_trace
it 'a trace that another writes stays its own' one_writer
it 'the page of either end is whole' draws_both_ends
it 'only a page is replaced by a page' replaces_pages_only
it 'a damaged trace is drawn as far as it goes, anything else is refused' damaged_ones
it 'a hostile trace gets nowhere' hostile_one
finish
