#!/usr/bin/env bash
# Either end is killed at any moment, again and again: a file under its final name is always whole, and the
# next try brings the rest. ROUNDS=n tries of each kind.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${ROUNDS:-5}

# Every file under a final name is the one that was sent.
all_whole() {
  local name
  while IFS= read -r -d '' name; do
    cmp -s "$work/from/$name" "$work/to/$name" || { why="not what was sent: $name" && return 1; }
  done < <(cd "$work/to" && find . -type f ! -name '.udpcp-*' -print0)
}

killed() { # killed WHOM ROUND
  "$program" send --port "$port" --timeout 2 --bwlimit 30MB "$work/from/" 127.0.0.1 2>"$work/send.log" &
  sender=$!
  running+=("$sender")
  sleep "0.$((RANDOM % 8))$((RANDOM % 10))"
  { kill -KILL "${!1}" && wait "${!1}"; } 2>/dev/null
  end_of "$sender" 8 || return 1
  all_whole
}

again_and_again() { # again_and_again WHOM
  local round
  fresh to
  for ((round = 1; round <= rounds; round++)); do
    [ "$1" = sender ] && [ "$round" != 1 ] || receive --timeout 2 "$work/to" || return 1
    killed "$1" "$round" || return 1
  done
  [ "$1" = sender ] || receive --timeout 2 "$work/to" || return 1
  sends 0 "$work/from/" 127.0.0.1 && all_whole || return 1
  [ "$(cd "$work/from" && find . | sort)" = "$(cd "$work/to" && find . ! -name '.udpcp-*' | sort)" ] ||
    why='the last try did not bring the rest'
  [ -z "$why" ]
}
kills_senders() { again_and_again sender; }
kills_receivers() { again_and_again receiver; }

fresh from
for i in 1 2 3 4 5 6 7 8 9; do
  mkdir -p "$work/from/folder $i"
  for j in 1 2 3 4 5 6 7 8 9 10 11 12; do random_file "$work/from/folder $i/$j" $((i * j * 1000)); done
done
for i in 1 2 3; do random_file "$work/from/large $i" 7000000; done

it 'killed senders' kills_senders
it 'killed receivers' kills_receivers
finish
