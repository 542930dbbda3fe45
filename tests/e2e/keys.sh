#!/usr/bin/env bash
# Who gets in, who does not, and what each is told: identities, pinned receivers, shared keys, lists of keys
# and of addresses, and that no secret shows anywhere.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# Two machines: what is run `here` and `there` has configuration folders of its own.
here() { XDG_CONFIG_HOME=$work/here "$@"; }
there() { XDG_CONFIG_HOME=$work/there "$@"; }
known=$work/here/udpcp/known_receivers

# machines: both new, with one small file to send.
machines() {
  fresh here there from to
  random_file "$work/from/a" 10000
}

# ends STATUS COMMAND...: runs it; its stderr is in $work/err.
ends() {
  local expected=$1 status
  shift
  timeout -k 2 20 "$@" >"$work/out" 2>"$work/err"
  status=$?
  [ "$status" = "$expected" ] && return
  why="'${*:2}' left with $status, not $expected: $(tail -n 2 "$work/err" | tr '\n' '|')"
  return 1
}

arrived() { cmp "$work/from/a" "$work/to/a" && no_parts "$work/to"; }
nothing_arrived() { is_empty "$work/to"; }

# What was said holds no line of the secret, not even its end.
holds_no_secret() { # holds_no_secret SECRET_FILE OUTPUT...
  local line
  while read -r line; do
    case $line in -----* | '#'* | '') continue ;; esac
    if grep -qF -- "${line: -24}" "${@:2}"; then
      why="a secret of $1 shows in what was said"
      return 1
    fi
  done <"$1"
}

# ---- nothing set up ----
two_fresh_machines() {
  machines
  there receive "$work/to" && here sends 0 "$work/from/a" 127.0.0.1 && arrived || return 1
  says "$receiver_log" "made this machine's identity: $work/there/udpcp/identity" &&
    says "$receiver_log" 'may send: this machine and private networks' &&
    says "$receiver_log" "this receiver's key is SHA256:" &&
    says "$work/send.log" "made this machine's identity: $work/here/udpcp/identity" &&
    says "$work/send.log" "first time at [127.0.0.1]:$port: its key is SHA256:" &&
    says "$work/send.log" "remembered in $known" || return 1
  [ "$(stat -c %a "$work/here/udpcp" "$work/here/udpcp/identity" | tr '\n' ' ')" = '700 600 ' ] ||
    { why='the identity is not private' && return 1; }
  here sends 0 "$work/from/a" 127.0.0.1 && says "$work/send.log" '(known)' || return 1
  [ "$(wc -l <"$work/send.log")" = 2 ] || why="said: $(cat "$work/send.log")"
  [ "$(wc -l <"$known")" = 1 ] || why='the receiver was remembered twice'
  [ -z "$why" ]
}

the_fingerprint_is_the_same_everywhere() {
  local fingerprint
  machines
  there "$program" id >"$work/out" 2>"$work/err" || return 1
  fingerprint=$(grep -o 'SHA256:[A-Za-z0-9+/]*' "$work/err")
  [ ${#fingerprint} = 50 ] || { why="no fingerprint: $(cat "$work/err")" && return 1; }
  there receive "$work/to" && says "$receiver_log" "$fingerprint" &&
    here sends 0 "$work/from/a" 127.0.0.1 && says "$work/send.log" "$fingerprint"
}

a_changed_receiver() {
  machines
  there receive "$work/to" && here sends 0 "$work/from/a" 127.0.0.1 || return 1
  echo '# a remark' >"$work/remark" && cat "$work/remark" "$known" >"$work/both" && cp "$work/both" "$known"
  local new=$work/from/b before
  before=$(sha256sum "$known")
  random_file "$new" 1000
  stop_all
  rm -r "$work/there/udpcp"
  there receive -p "$port" "$work/to" && here sends 5 "$new" 127.0.0.1 || return 1
  says "$work/send.log" "the key of [127.0.0.1]:$port has changed" &&
    says "$work/send.log" "remove line 2 of $known" || return 1
  [ "$(grep -c SHA256: "$work/send.log")" = 2 ] || { why='both fingerprints were not shown' && return 1; }
  [ "$(sha256sum "$known")" = "$before" ] || { why='what was remembered has changed' && return 1; }
  [ ! -e "$work/to/b" ] && no_parts "$work/to" || { why='something was sent' && return 1; }
  sed -i 2d "$known"
  here sends 0 "$new" 127.0.0.1 && says "$work/send.log" 'first time at'
}

strict_wants_known_ones() {
  machines
  there receive "$work/to" && here sends 5 --strict "$work/from/a" 127.0.0.1 && nothing_arrived || return 1
  says "$work/send.log" '--strict' && says "$work/send.log" "add this line to $known" || return 1
  [ ! -e "$known" ] || { why='an unknown receiver was remembered' && return 1; }
  tail -n 1 "$work/send.log" >"$known"
  here sends 0 --strict "$work/from/a" 127.0.0.1 && says "$work/send.log" '(known)' && arrived
}

a_host_is_pinned_by_name_and_port() {
  machines
  there receive "$work/to" && here sends 0 "$work/from/a" 127.0.0.1 &&
    here sends 0 "$work/from/a" LocalHost && here sends 0 "$work/from/a" localhost &&
    says "$work/send.log" '(known)' || return 1
  [ "$(cut -d ' ' -f 1 "$known" | tr '\n' ' ')" = "[127.0.0.1]:$port [localhost]:$port " ] ||
    { why="remembered: $(cat "$known")" && return 1; }
}

# ---- a shared key ----
keygen_makes_a_key() {
  fresh keys
  ends 0 "$program" keygen "$work/keys/k" && says "$work/err" 'by a safe way' || return 1
  [ ! -s "$work/out" ] && [ "$(stat -c %a "$work/keys/k")" = 600 ] || { why='not private' && return 1; }
  holds_no_secret "$work/keys/k" "$work/err" || return 1
  local before
  before=$(sha256sum <"$work/keys/k")
  ends 11 "$program" keygen "$work/keys/k" && says "$work/err" 'is there already' || return 1
  [ "$(sha256sum <"$work/keys/k")" = "$before" ] || { why='an old key was replaced' && return 1; }
  (cd "$work/keys" && "$program" keygen 2>"$work/err" && [ -f udpcp.key ]) ||
    { why='no udpcp.key' && return 1; }
}

make_keys() {
  rm -f "$work/k1" "$work/k2"
  "$program" keygen "$work/k1" 2>"$work/err" && "$program" keygen "$work/k2" 2>"$work/err"
}

with_the_shared_key() {
  machines
  make_keys
  there receive -v --psk-file "$work/k1" "$work/to" &&
    here sends 0 --psk-file "$work/k1" "$work/from/a" 127.0.0.1 && arrived || return 1
  says "$receiver_log" "may send: who holds the key in $work/k1" &&
    says "$work/send.log" "the receiver holds the key in $work/k1"
}

# in_vain ARGUMENT...: the sender gets no answer at all, and hears what may be the cause.
in_vain() {
  local hint=$1
  shift
  here sends 35 --timeout 1 "$@" "$work/from/a" 127.0.0.1 && says "$work/send.log" 'no answer from' &&
    says "$work/send.log" "$hint" && nothing_arrived
}

with_another_key() {
  machines
  make_keys
  there receive -v --psk-file "$work/k1" "$work/to" && in_vain 'this key' --psk-file "$work/k2" &&
    says "$receiver_log" 'ignored a sender that lacks the key'
}

without_the_key() {
  machines
  make_keys
  there receive --psk-file "$work/k1" "$work/to" && in_vain 'does it want a key'
}

a_receiver_without_the_key() {
  machines
  make_keys
  there receive "$work/to" && in_vain 'this key' --psk-file "$work/k1"
}

# ---- lists of keys ----
only_authorized_ones() {
  machines
  here "$program" id 2>"$work/err" >"$work/keys.txt"
  there receive -v --authorized "$work/keys.txt" "$work/to" && here sends 0 "$work/from/a" 127.0.0.1 &&
    arrived || return 1
  says "$receiver_log" "may send: the owner of the key in $work/keys.txt" &&
    says "$receiver_log" ": the sender's key is SHA256:" || return 1
  fresh to
  here rm "$work/here/udpcp/identity"
  in_vain 'does it want a key' && says "$receiver_log" 'ignored a sender that lacks the key'
}

the_list_in_the_config_folder() {
  machines
  mkdir "$work/there/udpcp"
  there "$program" id 2>"$work/err" >"$work/there/udpcp/authorized"
  there receive "$work/to" && says "$receiver_log" "the key in $work/there/udpcp/authorized" &&
    in_vain 'does it want a key' || return 1
  stop_all
  here "$program" id 2>"$work/err" >>"$work/there/udpcp/authorized"
  there receive "$work/to" && says "$receiver_log" 'the owners of the 2 keys' &&
    here sends 0 "$work/from/a" 127.0.0.1 && arrived
}

an_empty_list_lets_nobody_in() {
  machines
  echo '# nobody' >"$work/keys.txt"
  ends 1 "$program" recv -p 0 --authorized "$work/keys.txt" "$work/to" &&
    says "$work/err" 'holds no key' || return 1
  mkdir -p "$work/there/udpcp" && : >"$work/there/udpcp/authorized"
  there ends 1 "$program" recv -p 0 "$work/to" && says "$work/err" 'holds no key'
}

a_bad_list_is_refused() {
  machines
  { here "$program" id && echo 'ed25519 nonsense'; } >"$work/keys.txt" 2>"$work/err"
  ends 1 "$program" recv -p 0 --authorized "$work/keys.txt" "$work/to" && says "$work/err" 'line 2' &&
    ends 1 "$program" recv -p 0 --authorized "$work/nowhere" "$work/to" && says "$work/err" 'no such file' ||
    return 1
  mkdir -p "$work/here/udpcp"
  echo 'host ed25519 nonsense' >"$known"
  here sends 1 "$work/from/a" 127.0.0.1 && says "$work/send.log" "$known: line 1"
}

# ---- addresses ----
allow_shuts_out_loopback() {
  machines
  there receive --allow 192.0.2.0/24,2001:db8::/32 --allow 198.51.100.7 "$work/to" &&
    in_vain 'does it want a key' &&
    says "$receiver_log" 'may send: 192.0.2.0/24, 2001:db8::/32, 198.51.100.7/32' || return 1
  stop_all
  there receive --allow 127.0.0.0/8 "$work/to" && here sends 0 "$work/from/a" 127.0.0.1 && arrived
}

allow_and_keys_both_hold() {
  machines
  make_keys
  there receive --psk-file "$work/k1" --allow 192.0.2.0/24 "$work/to" &&
    in_vain 'this key' --psk-file "$work/k1" &&
    says "$receiver_log" ', from 192.0.2.0/24 only' || return 1
  stop_all
  there receive --psk-file "$work/k1" --allow 127.0.0.1 "$work/to" &&
    here sends 0 --psk-file "$work/k1" "$work/from/a" 127.0.0.1 && arrived
}

# In a network of its own this machine has a public address: a key lets it in, without one it is a stranger.
a_key_opens_to_any_address() {
  machines
  make_keys
  local unshare=(unshare -n)
  [ "$(id -u)" = 0 ] || unshare=(unshare -rn)
  # shellcheck disable=SC2016 # for the inner shell
  timeout -k 2 20 "${unshare[@]}" bash -c '
    ip link set lo up && ip address add 203.0.113.5/32 dev lo || exit 99
    "$1" recv --psk-file "$2/k1" "$2/to" 2>"$2/recv.log" & receiver=$!
    sleep 0.5
    "$1" send --psk-file "$2/k1" "$2/from/a" 203.0.113.5 2>"$2/send.log"; status=$?
    kill "$receiver"; wait; exit $status' - "$program" "$work"
  status=$?
  [ "$status" = 0 ] || { why="left with $status: $(tail -n 2 "$work/send.log")" && return 1; }
  arrived
}

# ---- files that others can get at ----
exposed_files() {
  machines
  make_keys
  chmod 640 "$work/k1"
  ends 1 "$program" recv -p 0 --psk-file "$work/k1" "$work/to" && says "$work/err" "chmod 600 $work/k1" &&
    sends 1 --psk-file "$work/k1" "$work/from/a" 127.0.0.1 && says "$work/send.log" "chmod 600 $work/k1" ||
    return 1
  here "$program" id >"$work/keys.txt" 2>"$work/err"
  chmod 644 "$work/here/udpcp/identity"
  here sends 1 "$work/from/a" 127.0.0.1 && says "$work/send.log" 'chmod 600' || return 1
  here ends 1 "$program" id && here ends 1 "$program" recv -p 0 "$work/to" || return 1
  chmod 600 "$work/here/udpcp/identity"
  chmod 666 "$work/keys.txt"
  ends 1 "$program" recv -p 0 --authorized "$work/keys.txt" "$work/to" &&
    says "$work/err" 'others can write' || return 1
  : >"$known" && chmod 622 "$known"
  here sends 1 "$work/from/a" 127.0.0.1 && says "$work/send.log" 'others can write' || return 1
  ends 1 "$program" recv -p 0 --psk-file "$work/keys" "$work/to" &&
    ends 1 "$program" recv -p 0 --psk-file "$work/from/a" "$work/to" && nothing_arrived
}

a_folder_others_can_write() {
  machines
  there "$program" id >"$work/there/udpcp.txt" 2>"$work/err" && chmod 777 "$work/there/udpcp" || return 1
  there ends 1 "$program" recv -p 0 "$work/to" && says "$work/err" "chmod 700 $work/there/udpcp" &&
    there ends 1 "$program" id && there sends 1 "$work/from/a" 127.0.0.1 &&
    says "$work/send.log" "chmod 700 $work/there/udpcp"
}

# ---- what the environment says ----
typed_ones_replace_those_of_the_environment() {
  machines
  make_keys
  rm -f "$work/keys.txt"
  here "$program" id >"$work/keys.txt" 2>"$work/err"
  export UDPCP_PSK_FILE=$work/k1
  there receive --authorized "$work/keys.txt" "$work/to" && says "$receiver_log" 'the owner of the key in'
  local is_said=$?
  unset UDPCP_PSK_FILE
  [ "$is_said" = 0 ] && here sends 0 "$work/from/a" 127.0.0.1 && arrived
}

empty_ones_open_nothing() {
  local name
  machines
  for name in UDPCP_PSK_FILE UDPCP_AUTHORIZED UDPCP_ALLOW; do
    ends 1 env "$name=" "$program" recv -p 0 "$work/to" && says "$work/err" "$name: '' is empty" || return 1
  done
  ends 1 env UDPCP_STRICT= "$program" send "$work/from/a" 127.0.0.1 && says "$work/err" 'UDPCP_STRICT'
}

a_dry_run_remembers_nothing() {
  machines
  there receive "$work/to" && here sends 0 -n "$work/from/a" 127.0.0.1 &&
    says "$work/send.log" 'not remembered in a dry run' && nothing_arrived && is_empty "$work/here"
}

# ---- protection ----
protects() { # protects RECEIVER'S SENDER'S SAID...: to both, or `-` for nothing
  machines
  there receive --protect "$1" "$work/to" && here sends 0 --protect "$2" "$work/from/a" 127.0.0.1 &&
    arrived || return 1
  if [ "$3" = - ]; then
    ! grep -q 'protect' "$work/send.log" ||
      { why="$1 and $2 said: $(grep protect "$work/send.log")" && return 1; }
  else
    says "$work/send.log" "$3" || return 1
  fi
  [ "$4" = - ] || says "$receiver_log" "$4" || return 1
  stop_all
}

protection_of_both() {
  protects aead aead - - &&
    protects mac mac 'not encrypted, as both' ': not encrypted, as both' &&
    protects checksum checksum 'not protected, as both' ': not protected, as both' &&
    protects checksum mac '(--protect mac)' '(--protect mac)' &&
    protects aead mac 'encrypted after all' - &&
    protects checksum aead - ': encrypted after all'
}

# ---- limits ----
quotas_hold() {
  machines
  random_file "$work/from/b" 90000
  there receive --max-size 50kB "$work/to" && here sends 23 "$work/from/" 127.0.0.1 &&
    says "$work/send.log" '--max-size' && [ ! -e "$work/to/b" ] || return 1
  stop_all
  fresh to
  there receive --max-files 1 "$work/to" && here sends 23 "$work/from/" 127.0.0.1 || return 1
  [ "$(find "$work/to" -type f | wc -l)" = 1 ] || { why='not one file arrived' && return 1; }
}

# A sender that answers every probe but brings next to nothing.
a_stalled_sender_is_ended() {
  machines
  there receive --once --timeout 2 --min-rate 1MB "$work/to" || return 1
  truncate -s 3M "$work/from/b"
  here sends 30 --bwlimit 100kB "$work/from/b" 127.0.0.1 && says "$work/send.log" 'too slow' &&
    says "$receiver_log" 'too slow: less than 1000000 bytes a second over 5 s' &&
    leaves "$receiver" 5 30 && nothing_arrived
}

# ---- secrets ----
no_core_is_left() {
  machines
  make_keys
  fresh cores
  local command
  for command in "recv --psk-file $work/k1 -p 0 $work/to" \
    "send --psk-file $work/k1 -p 1 $work/from/a 127.0.0.1"; do
    # shellcheck disable=SC2086 # words
    (cd "$work/cores" && ulimit -c unlimited && exec "$program" $command) 2>"$work/err" &
    local pid=$!
    running+=("$pid")
    sleep 0.5
    [ "$(awk '/Max core file size/ { print $5 }' "/proc/$pid/limits")" = 0 ] || why='cores are allowed'
    tr '\0' '\n' <"/proc/$pid/cmdline" >"$work/cmdline"
    kill -ABRT "$pid"
    end_of "$pid" 5
    [ "$status" = 134 ] || { why="ended with $status, not by SIGABRT" && return 1; }
    holds_no_secret "$work/k1" "$work/cmdline" "$work/err" || return 1
  done
  is_empty "$work/cores" && [ -z "$why" ]
}

nothing_said_holds_a_secret() {
  machines
  make_keys
  there receive -v "$work/to" && here sends 0 -v "$work/from/a" 127.0.0.1 || return 1
  here "$program" id >"$work/out" 2>"$work/err"
  holds_no_secret "$work/here/udpcp/identity" "$work/send.log" "$work/out" "$work/err" "$receiver_log" &&
    holds_no_secret "$work/there/udpcp/identity" "$work/send.log" "$receiver_log" || return 1
  there receive -v --psk-file "$work/k1" "$work/to" &&
    here sends 0 -v --psk-file "$work/k1" "$work/from/a" 127.0.0.1 || return 1
  holds_no_secret "$work/k1" "$work/send.log" "$receiver_log" || return 1
  sed 's/.$/!/' "$work/k1" >"$work/k3" && chmod 600 "$work/k3"
  ends 1 "$program" recv -p 0 --psk-file "$work/k3" "$work/to" && holds_no_secret "$work/k1" "$work/err"
}

# What browsers are debugged with must not write our secrets down: the library would.
no_library_writes_keys() {
  machines
  mkdir -p "$work/to"
  export SSLKEYLOGFILE=$work/to/keylog GNUTLS_DEBUG_LEVEL=99
  there receive --once "$work/to" && here sends 0 "$work/from/a" 127.0.0.1 && leaves "$receiver" 5 0
  local rc=$?
  unset SSLKEYLOGFILE GNUTLS_DEBUG_LEVEL
  [ "$rc" = 0 ] || return 1
  [ ! -e "$work/to/keylog" ] || { why='the traffic secrets stand in a file' && return 1; }
  ! grep -qiE 'SECRET|WRITE KEY|WRITE IV' "$receiver_log" "$work/send.log" ||
    { why='keys were printed' && return 1; }
}

without_a_home() {
  machines
  port=1
  if [ "$(id -u)" = 0 ]; then
    : >"$work/plain" && XDG_CONFIG_HOME=$work/plain sends 1 "$work/from/a" 127.0.0.1 &&
      says "$work/send.log" 'identity'
  else
    XDG_CONFIG_HOME=/proc sends 1 "$work/from/a" 127.0.0.1 && says "$work/send.log" 'identity'
  fi
}

it 'two fresh machines, nothing set up' two_fresh_machines
it 'a fingerprint is the same everywhere' the_fingerprint_is_the_same_everywhere
it 'a receiver whose key has changed' a_changed_receiver
it '--strict wants known receivers' strict_wants_known_ones
it 'a receiver is pinned by name and port' a_host_is_pinned_by_name_and_port
it 'keygen makes a key, once' keygen_makes_a_key
it 'a shared key on both sides' with_the_shared_key
it 'another shared key' with_another_key
it 'a sender without the key' without_the_key
it 'a receiver without the key' a_receiver_without_the_key
it 'only authorized senders' only_authorized_ones
it 'the list in the config folder' the_list_in_the_config_folder
it 'an empty list lets nobody in' an_empty_list_lets_nobody_in
it 'a bad list is refused' a_bad_list_is_refused
it 'addresses that may not send' allow_shuts_out_loopback
it 'addresses and keys, both must hold' allow_and_keys_both_hold
if unshare -n true 2>/dev/null || unshare -rn true 2>/dev/null; then
  it 'a key lets any address in' a_key_opens_to_any_address
fi
it 'files that others can get at' exposed_files
it 'a folder of keys that others can write' a_folder_others_can_write
it 'what was typed replaces the environment' typed_ones_replace_those_of_the_environment
it 'empty variables open nothing' empty_ones_open_nothing
it 'a dry run remembers nothing' a_dry_run_remembers_nothing
it 'protection is what both ask for' protection_of_both
it 'quotas hold' quotas_hold
it 'a stalled sender is ended' a_stalled_sender_is_ended
it 'no core is left' no_core_is_left
it 'nothing said holds a secret' nothing_said_holds_a_secret
it 'no library writes keys down' no_library_writes_keys
it 'no folder for keys' without_a_home
finish
