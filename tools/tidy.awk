# The rules of tools/tidy. Reads whole sources in order and prints `file:line: rule: text` for each breach.
# A line is judged twice: as written, and as `code`, with comments and the inside of quotes blanked out.
# Written for any POSIX awk; no regular expression of this file matches its own text.

BEGIN {
  allowed["base"] = " base "
  allowed["wire"] = " base wire "
  allowed["crypto"] = " base crypto "
  allowed["transport"] = " base wire crypto transport "
  allowed["transfer"] = " base transport transfer "
  allowed["io"] = " base io "
  allowed["fs"] = " base fs "
  allowed["cli"] = allowed["udpcp"] = " base wire crypto transport transfer io fs udpcp "

  pure_layers = " base wire transport transfer "
  system_header = "^((unistd|time|pthread|threads|fcntl|poll|signal|errno|netdb|dirent|ifaddrs|sched|spawn" \
    "|syslog|dlfcn|termios|uio)\\.h|(sys|netinet|arpa|net|linux|asm)/.*)$"

  banned = call("strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|rand|srand|alloca|system|popen" \
    "|tmpnam|mktemp")
  impure = call("clock_gettime|gettimeofday|clock|time|nanosleep|usleep|sleep|random|getrandom|getentropy" \
    "|open|openat|creat|close|read|write|pread|pwrite|readv|writev|ioctl|fcntl|mmap|socket|bind|connect" \
    "|send|sendto|sendmsg|sendmmsg|recv|recvfrom|recvmsg|recvmmsg|poll|select|fork|kill|getenv|syscall" \
    "|printf|fprintf|vprintf|vfprintf|puts|fputs|fputc|putchar|perror|fopen|fdopen|fread|fwrite|fclose" \
    "|fflush")
  cannot_fail = "(^|[^A-Za-z0-9_])(CU_PAS[S] *\\(|(CU_ASSERT|CU_ASSERT_TRUE|CU_ASSERT_FATAL|assert) *" \
    "\\( *(1|true|CU_TRUE) *\\))"
  leftover = "(^|[^A-Za-z0-9_])(FIX[M]E|TO[D]O|X[X]X|HAC[K])([^A-Za-z0-9_]|$)"
}

# A call of one of the names, but not of a member (`sink->write`), nor of a longer name (`conn_read`).
function call(names) { return "(^|[^A-Za-z0-9_.>])(" names ")[ \t]*\\(" }

function breach(rule, text) { print file ":" (rule ~ /^(file|header)-length$/ ? 1 : FNR) ": " rule ": " text }

FNR == 1 {
  if (file) end_of_file()
  file = FILENAME
  is_c = file ~ /\.[ch]$/
  is_header = file ~ /\.h$/
  split(file, part, "/")
  is_source = part[1] == "src" || part[1] == "include"
  layer = part[1] == "src" ? part[2] : part[1] == "include" ? facade_of(file) : ""
  is_pure = layer && index(pure_layers, " " layer " ")
  folder = file
  sub(/[^\/]*$/, "", folder)
  exists[file] = 1
  in_comment = in_macro = depth = starts = function_starts = 0
  if (is_c && $0 !~ /^\/[*\/]/)
    breach("top-comment", "a file begins with a comment: what it solves, by what idea")
}

{
  lines = FNR
  if ($0 ~ /[ \t\r]$/) breach("trailing-space", "space at the end of the line")
  if ($0 ~ leftover) breach("leftover", "unfinished work; finish it or leave it out")
  text = $0
  gsub(/[\200-\277]/, "", text) # a character of several bytes counts once
  if (length(text) > 110) breach("line-length", length(text) " columns, at most 110")
  if (!is_c) next
  if ($0 ~ /\t/) breach("tab", "a tab; indentation is two spaces")
  code = without_comments_and_quotes($0)
  if ($0 ~ /^[ \t]*#[ \t]*include/ && code ~ /#/) check_include()
  check_code()
  measure_functions()
}

END {
  if (file) end_of_file()
  for (i = 1; i <= includes; i++)
    if (quoted[i] !~ /^udpcp\// && !((beside[i] quoted[i]) in exists) && from[i] ~ /^src\//)
      print from[i] ":" at[i] ": private-include: \"" quoted[i] "\" is not beside this file"
  for (path in exists)
    if (path ~ /^(src|include)\/.*\.h$/ && path != "include/udpcp/udpcp.h" && !(path in used))
      print path ":1: dead-header: no other source includes it"
}

function end_of_file() {
  if (is_c && !is_header && lines > 500) breach("file-length", lines " lines, at most 500")
  if (is_header && lines > 200) breach("header-length", lines " lines, at most 200")
}

function facade_of(path) {
  sub(/.*\//, "", path)
  sub(/\.h$/, "", path)
  if (path == "observe" || path == "lanes") return "transport" # further headers of a layer
  return path == "cursor" ? "base" : path
}

# --- includes ----------------------------------------------------------------------------------------------
function check_include(    name, is_quoted, target) {
  name = $0
  is_quoted = name ~ /^[^<"]*"/
  sub(/^[^<"]*[<"]/, "", name)
  sub(/[>"].*/, "", name)
  # errno.h is a list of numbers; the one file that translates them may read it
  if (is_pure && !is_quoted && name ~ system_header && !(name == "errno.h" && file == "src/base/error.c"))
    breach("banned-header", "<" name "> in a layer without system calls")
  if (!is_quoted) return
  if (part[1] == "src") sub("^" layer "/", "", name) # own folder, named from src/ as tests do
  includes++
  quoted[includes] = name
  beside[includes] = folder
  from[includes] = file
  at[includes] = FNR
  target = name ~ /^udpcp\// ? "include/" name : folder name
  if (is_source && !is_own_header(target)) used[target] = 1
  if (layer && name ~ /^udpcp\// && !index(allowed[layer], " " facade_of(name) " "))
    breach("layers", layer " must not include " name)
}

# x.c does not bring x.h to life by itself.
function is_own_header(target,    own) {
  own = file
  sub(/\.c$/, ".h", own)
  return own == target
}

# --- what the code says ------------------------------------------------------------------------------------
function check_code() {
  if (code ~ banned)
    breach("banned-call", "a call that has a safe substitute or no place here: " named(banned))
  if (is_pure && code ~ impure)
    breach("pure-call", layer " makes no system call and reads no clock: " named(impure))
  if (code ~ /(^|[^A-Za-z0-9_])typedef[ \t]+(struct|union)([^A-Za-z0-9_]|$)/)
    breach("typedef-struct", "a struct keeps its name")
  if (code ~ /(^|[^A-Za-z0-9_])NDEBU[G]([^A-Za-z0-9_]|$)/) breach("ndebug", "asserts stay in every build")
  if (code ~ cannot_fail) breach("empty-test", "an assertion that cannot fail")
}

function named(pattern) {
  match(code, pattern)
  return substr(code, RSTART, RLENGTH) ")"
}

# A function starts at the last line that began in column 1 outside of braces, and ends with `}` there.
function measure_functions(    opened, closed) {
  if (in_macro || code ~ /^[ \t]*#/) {
    in_macro = $0 ~ /\\$/
    return
  }
  if (depth == 0 && code ~ /^[A-Za-z_]/) starts = FNR
  if (depth == 0 && code ~ /\)[ \t]*\{[ \t]*$/) function_starts = starts
  opened = gsub(/\{/, "{", code)
  closed = gsub(/\}/, "}", code)
  depth += opened - closed
  if (depth < 0 || code ~ /^\}/) depth = 0
  if (depth == 0 && function_starts && closed) {
    if (FNR - function_starts + 1 > 70)
      print file ":" function_starts ": function-length: " FNR - function_starts + 1 " lines, at most 70"
    function_starts = 0
  }
}

function without_comments_and_quotes(line,    out, mark) {
  out = ""
  while (line != "") {
    if (in_comment) {
      if (!match(line, /\*\//)) return out
      line = substr(line, RSTART + 2)
      in_comment = 0
    }
    if (!match(line, /["']|\/\*|\/\//)) return out line
    mark = substr(line, RSTART, RLENGTH)
    out = out substr(line, 1, RSTART - 1)
    line = substr(line, RSTART + RLENGTH)
    if (mark == "//") return out
    if (mark == "/*") {
      in_comment = 1
      out = out " "
    } else {
      match(line, mark == "'" ? /^([^\\']|\\.)*'/ : /^([^\\"]|\\.)*"/)
      if (RLENGTH < 0) return out
      out = out mark mark
      line = substr(line, RLENGTH + 1)
    }
  }
  return out
}
