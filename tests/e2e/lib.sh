# shellcheck shell=bash disable=SC2034 # read by the scripts that source it
# What the end-to-end scripts share: a folder of their own, receivers on free ports, trees and their
# comparison.
#
#   . "$(dirname "$0")/lib.sh"
#   it 'does this' does_this   a case: the function returns 0, or sets `why` and returns otherwise
#   finish                     the last line, `NAME: N passed, N failed`, and the exit status
#
# UDPCP and NETLAB name the programs under test (build/udpcp, build/netlab). Every process started is ended
# by its id, every wait has an end.
set -u
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${UDPCP:-$root/build/udpcp}
netlab=${NETLAB:-$root/build/netlab}
for variable in $(compgen -e | grep '^UDPCP_'); do unset "$variable"; done
unset UDPCP NETLAB
export PATH=$PATH:/usr/sbin:/sbin

work=$(mktemp -d "${TMPDIR:-/tmp}/udpcp-e2e.XXXXXX") || exit 1
chmod 711 "$work"
export XDG_CONFIG_HOME=$work/config # never this user's keys
running=()
passed=0 failed=0 why=''

clean_up() {
  local pid
  for pid in ${running[@]+"${running[@]}"}; do kill -CONT "$pid" && kill -KILL "$pid"; done 2>/dev/null
  wait
  chmod -R u+rwX "$work"
  rm -rf "$work"
} 2>/dev/null
trap clean_up EXIT
trap 'exit 130' INT TERM

it() {
  why=
  if "$2"; then
    printf 'ok %s\n' "$1"
    passed=$((passed + 1))
  else
    printf 'FAIL %s: %s\n' "$1" "${why:-it returned false}"
    failed=$((failed + 1))
  fi
  stop_all
}

finish() {
  printf '%s: %d passed, %d failed\n' "$(basename "$0" .sh)" "$passed" "$failed"
  [ "$failed" = 0 ]
  exit
}

# ---- processes ----
is_running() { kill -0 "$1" 2>/dev/null; }

# wait_until SECONDS COMMAND...: until it succeeds; false when it never did.
wait_until() {
  local tries=$(($1 * 50))
  shift
  while ! "$@"; do
    [ "$((tries -= 1))" -gt 0 ] || return 1
    sleep 0.02
  done
}

has_ended() { ! is_running "$1"; }

# end_of PID SECONDS: sets `status` to its exit status; kills what does not end.
end_of() {
  local ended=1
  {
    wait_until "$2" has_ended "$1" || ended=0
    [ "$ended" = 1 ] || kill -KILL "$1"
    wait "$1"
    status=$?
  } 2>/dev/null # without the shell's remarks on who was killed
  [ "$ended" = 1 ] || why="still running after $2 s"
  [ "$ended" = 1 ]
}

stop_all() {
  local pid
  for pid in ${running[@]+"${running[@]}"}; do
    kill -CONT "$pid" && kill -KILL "$pid"
    wait "$pid"
  done 2>/dev/null
  running=()
}

# Put before the program where SIGINT is to end it: a shell lets its background jobs ignore that signal.
# shellcheck disable=SC2016 # for perl
heeds_int=(perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' --)
launch=() # set by a case to what `receive` puts before the program

# receive ARGUMENT...: starts a receiver on a free port; sets receiver (its id), port, and receiver_log.
receives=0
receive() {
  receives=$((receives + 1))
  receiver_log=$work/recv.$receives.log
  ${launch[@]+"${launch[@]}"} "$program" recv --port 0 "$@" >"$work/recv.out" 2>"$receiver_log" &
  receiver=$!
  running+=("$receiver")
  if ! wait_until 10 receiver_is_ready; then
    why="the receiver does not start: $(tail -n 2 "$receiver_log")"
    return 1
  fi
}

receiver_is_ready() {
  port=$(sed -n 's/.* on UDP port \([0-9]*\).*/\1/p' "$receiver_log" 2>/dev/null)
  [ -n "$port" ]
}

# leaves PID SECONDS STATUS: waits for it, and it is to leave with that status.
leaves() {
  end_of "$1" "$2" || return 1
  [ "$status" = "$3" ] && return
  why="left with $status, not $3${receiver_log:+; receiver: $(tail -n 2 "$receiver_log" | tr '\n' '|')}"
  return 1
}

# sends STATUS ARGUMENT...: runs a sender to its end; what it said is in $work/send.log.
sends() {
  local expected=$1 status
  shift
  timeout -k 2 60 "$program" send --port "${port:-4117}" "$@" >"$work/send.out" 2>"$work/send.log"
  status=$?
  [ "$status" = "$expected" ] && return
  why="send left with $status, not $expected: $(tail -n 3 "$work/send.log" | tr '\n' '|')"
  return 1
}

# says FILE TEXT: a line of it contains the text.
says() {
  grep -qF -- "$2" "$1" && return
  why="does not say '$2' but: $(tail -n 3 "$1" | tr '\n' '|')"
  return 1
}

# ---- files ----
# fresh NAME...: empties folders below $work.
fresh() {
  local name
  for name; do
    chmod -R u+rwX "$work/$name" 2>/dev/null
    rm -rf "${work:?}/$name"
    mkdir -p "$work/$name"
  done
}

# random_file PATH BYTES
random_file() { head -c "$2" /dev/urandom >"$1"; }

# listing FOLDER: kind, mode, time, size and name of everything in it, and the digest of every file.
listing() (
  cd "$1" || exit 1
  find . -mindepth 1 \( -type f -printf '%y %m %T@ %s %p\0' -o -printf '%y %m %T@ %p\0' \) | sort -z
  find . -type f -print0 | sort -z | xargs -0 -r sha256sum -z
)

# same A B: both folders hold the same, and no part file is left.
same() {
  listing "$1" >"$work/listing.a"
  listing "$2" >"$work/listing.b"
  if ! cmp -s "$work/listing.a" "$work/listing.b"; then
    why="differs: $(diff <(tr '\0' '\n' <"$work/listing.a") <(tr '\0' '\n' <"$work/listing.b") |
      head -n 4 | tr '\n' '|')"
    return 1
  fi
  no_parts "$2"
}

no_parts() {
  local left
  left=$(find "$1" -name '.udpcp-*' | head -n 3 | tr '\n' ' ')
  [ -z "$left" ] && return
  why="left behind: $left"
  return 1
}

is_empty() {
  [ -z "$(find "$1" -mindepth 1 -print -quit)" ] && return
  why="not empty: $(find "$1" -mindepth 1 | head -n 3 | tr '\n' ' ')"
  return 1
}
