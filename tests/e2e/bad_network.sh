#!/usr/bin/env bash
# A tree of many small files and a few large ones over a link that loses, reorders, repeats and damages
# packets: what arrives is the same to the bit, and no datagram is larger than the path carries. FULL=1:
# 2,000 files up to 64 MiB.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

trouble=(--delay 1ms --rate 300Mbit --loss 5% --reorder 2% --duplicate 1% --corrupt 0.1%)

# make_tree FOLDER FILES LARGEST_MIB: 30 folders deep, sizes from nothing to the largest, times and modes of
# all kinds.
make_tree() {
  local folder=$1 i size depth name
  for ((depth = 1; depth <= 30; depth++)); do
    folder=$folder/level-$depth
    mkdir -p "$folder"
    random_file "$folder/file at $depth" $((depth * depth * 97))
  done
  random_file "$1/random" 40000
  for ((i = 0; i < $2; i++)); do
    folder=$1/$((i % 30))/$((i % 7))
    mkdir -p "$folder"
    size=$((i % 5 == 0 ? i % 3 : i * 131 % 39000))
    head -c "$size" "$1/random" >"$folder/$i.txt"
    touch -d "@$((1000000000 + i * 86400)).$((i % 1000))" "$folder/$i.txt"
  done
  for ((i = 0; i < 8; i++)); do random_file "$1/block-$i" $((i * 131072 + i % 2)); done
  for name in 'with spaces' $'two\nlines' 'schöner Name' $'\xff\xfe not utf-8' '-n' $'\e[31mred'; do
    mkdir "$1/$name"
    random_file "$1/$name/$name" $((${#name} * 999))
  done
  random_file "$1/large" $(($3 * 1048576))
  random_file "$1/$((i % 30))/half" $(($3 * 524288 + 1))
  mkdir -p "$1/empty/and empty"
  chmod 600 "$1/large"
  chmod 700 "$1/empty"
  chmod 444 "$1/random"
}

# over_namespaces VERSION RECEIVER_ADDRESS
over_namespaces() {
  fresh to
  timeout -k 5 150 "$netlab" "${trouble[@]}" --seed "$1" --stats --stop-a-after-b -- \
    "$program" recv --once "$work/to" -- "$program" send "$work/from/" "$2" >"$work/lab.log" 2>&1
  status=$?
  [ "$status" = 0 ] || { why="left with $status: $(tail -n 4 "$work/lab.log" | tr '\n' '|')" && return 1; }
  same "$work/from" "$work/to" && really_bad "$3"
}
over_ipv4() { over_namespaces 4 10.77.0.1 1472; }
over_ipv6() { over_namespaces 6 fd77::1 1452; }

over_a_relay() {
  fresh to
  receive --once "$work/to" || return 1
  # shellcheck disable=SC2016 # for the inner shell
  timeout -k 5 150 "$netlab" --relay "0:127.0.0.1:$port" "${trouble[@]}" --seed 5 --stats -- \
    bash -c '"$1" send --port "$NETLAB_PORT" "$2" 127.0.0.1' - "$program" "$work/from/" >"$work/lab.log" 2>&1
  status=$?
  [ "$status" = 0 ] || { why="left with $status: $(tail -n 4 "$work/lab.log" | tr '\n' '|')" && return 1; }
  leaves "$receiver" 10 0 && same "$work/from" "$work/to" && really_bad 1472
}

# really_bad BYTES: the link did what it was told, both ways, and no UDP payload was larger than that.
really_bad() {
  local line word
  [ "$(grep -c '^netlab: .->.' "$work/lab.log")" = 2 ] || { why='the link gave no account' && return 1; }
  while read -r line; do
    for word in lost reordered duplicated; do
      [[ $line =~ \ $word=([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -gt 0 ] ||
        { why="nothing $word: $line" && return 1; }
    done
    [[ $line =~ \ udp_payload_bytes_max=([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -le "$1" ] ||
      { why="a larger datagram than $1: $line" && return 1; }
    [[ $line =~ \ fragments=0\  ]] || { why="fragments: $line" && return 1; }
  done < <(grep '^netlab: .->.' "$work/lab.log")
}

fresh from
if [ "${FULL:-}" ]; then make_tree "$work/from" 2000 64; else make_tree "$work/from" 600 6; fi
if "$netlab" --can-netns; then
  it 'a tree over IPv4 between namespaces' over_ipv4
  it 'a tree over IPv6 between namespaces' over_ipv6
fi
it 'a tree through a relay' over_a_relay
finish
