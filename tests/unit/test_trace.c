/* trace: the file is a sequence of records that each are JSON, whatever strangers say, and nobody's file is
 * lost over it. */
#include "cli/trace.h"
#include "scratch.h"
#include "udpcp/base.h"
#include "unit.h"

#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>

enum { EVENTS_MAX = 64 };

static const struct address stranger = {.size = 4, .bytes = {1}};
static struct trace *trace;
static struct conn_config config;
static void *traced;
static char *text;
static json_t *events[EVENTS_MAX];
static size_t event_count;

static struct trace *open_trace(const char *path, int *error) {
  struct options options = {.command = COMMAND_SEND, .trace = path};
  return trace_open(&options, error);
}

static void begin(const char *path) {
  int error;
  struct observed_start start = {.role = ROLE_CLIENT,
                                 .peer = &stranger,
                                 .original_cid = {{0xab, 1, 2, 3, 4, 5, 6, 0xff}},
                                 .datagram_bytes = 1200,
                                 .time_eighths = 9};
  scratch_enter();
  trace = open_trace(path, &error);
  CU_ASSERT_PTR_NOT_NULL_FATAL(trace);
  config = (struct conn_config){0};
  trace_attach(trace, &config);
  traced = config.observer->begin(config.observer_context, clock_now_ns(), &start);
  CU_ASSERT_PTR_NOT_NULL_FATAL(traced);
}

static void tell(const struct observation *what) { config.observer->observe(traced, clock_now_ns(), what); }

/* Each record of the file: RS, JSON, newline, and no other RS. */
static void end(const char *path) {
  struct conn_stats stats = {.packets_sent = 7};
  struct stat status;
  config.observer->end(traced, clock_now_ns(), &stats);
  trace_close(trace);
  FILE *file = fopen(path, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  CU_ASSERT_EQUAL(fstat(fileno(file), &status), 0);
  CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
  size_t size = (size_t)status.st_size;
  text = malloc(size + 1);
  CU_ASSERT_EQUAL_FATAL(fread(text, 1, size, file), size);
  text[size] = 0;
  fclose(file);
  CU_ASSERT_EQUAL(strlen(text), size);
  event_count = 0;
  for (char *at = text, *next; *at; at = next) {
    CU_ASSERT_EQUAL_FATAL(*at, 0x1e);
    next = strchr(at + 1, 0x1e);
    if (!next) next = text + size;
    CU_ASSERT_EQUAL(next[-1], '\n');
    CU_ASSERT_FATAL(event_count < EVENTS_MAX);
    events[event_count] = json_loadb(at + 1, (size_t)(next - at - 1), 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(events[event_count]);
    event_count++;
  }
}

static void leave(void) {
  for (size_t i = 0; i < event_count; i++)
    json_decref(events[i]);
  free(text);
  scratch_leave();
}

static const char *name_of(size_t i) { return json_string_value(json_object_get(events[i], "name")); }

/* The data of the first event of that name. */
static json_t *data_of(const char *name) {
  for (size_t i = 1; i < event_count; i++)
    if (strcmp(name_of(i), name) == 0) return json_object_get(events[i], "data");
  CU_FAIL_FATAL("no such event");
  return NULL;
}

static const char *text_in(json_t *object, const char *key) {
  const char *found = json_string_value(json_object_get(object, key));
  return found ? found : "";
}

static json_int_t int_in(json_t *object, const char *key) {
  return json_integer_value(json_object_get(object, key));
}

static void begins_with_what_qvis_asks_for(void) {
  begin("t.sqlog");
  end("t.sqlog");
  json_t *head = json_object_get(events[0], "trace");
  json_t *fields = json_object_get(head, "common_fields");
  CU_ASSERT_STRING_EQUAL(text_in(events[0], "qlog_version"), "0.3");
  CU_ASSERT_STRING_EQUAL(text_in(events[0], "qlog_format"), "JSON-SEQ");
  CU_ASSERT_STRING_EQUAL(text_in(json_object_get(head, "vantage_point"), "type"), "client");
  CU_ASSERT_STRING_EQUAL(text_in(fields, "time_format"), "relative");
  CU_ASSERT(json_is_number(json_object_get(fields, "reference_time")));
  CU_ASSERT_STRING_EQUAL(name_of(1), "connectivity:connection_started");
  CU_ASSERT_STRING_EQUAL(name_of(event_count - 1), "udpcp:totals");
  CU_ASSERT_EQUAL(int_in(data_of("udpcp:totals"), "packets_sent"), 7);
  double last = 0;
  for (size_t i = 1; i < event_count; i++) {
    double time = json_number_value(json_object_get(events[i], "time"));
    CU_ASSERT(time >= last);
    last = time;
    CU_ASSERT_STRING_EQUAL(text_in(events[i], "group_id"), "ab010203040506ff");
    CU_ASSERT(json_is_object(json_object_get(events[i], "data")));
  }
  leave();
}

static void what_strangers_say_stays_inside_its_string(void) {
  static const char hostile[] = "\"},\x1e{\n\\\xff\xc3\x28</script>\xe2\x80\xae";
  begin("t");
  tell(&(struct observation){.type = OBSERVED_CLOSED, .closed = {CLOSED_BY_PEER, 5, hostile}});
  uint8_t payload[256];
  struct writer writer;
  struct frame frame = {.type = FRAME_CLOSE};
  frame.close.code = 5;
  frame.close.reason = (const uint8_t *)hostile;
  frame.close.reason_size = strlen(hostile);
  writer_init(&writer, payload, sizeof payload);
  frame_write(&frame, &writer);
  struct packet packet = {.type = PACKET_FRAMES, .number = 1ull << 61};
  tell(&(struct observation){.type = OBSERVED_RECEIVED,
                             .packet = {&packet, payload, writer_used(&writer), 99, false}});
  end("t");
  CU_ASSERT_PTR_NOT_NULL(strstr(text_in(data_of("connectivity:connection_closed"), "reason"), "\\xff"));
  CU_ASSERT_STRING_EQUAL(text_in(data_of("connectivity:connection_closed"), "owner"), "remote");
  json_t *received = data_of("transport:packet_received");
  json_t *close = json_array_get(json_object_get(received, "frames"), 0);
  CU_ASSERT_STRING_EQUAL(text_in(close, "frame_type"), "connection_close");
  CU_ASSERT_PTR_NOT_NULL(strstr(text_in(close, "reason"), "</script>"));
  CU_ASSERT_EQUAL(int_in(json_object_get(received, "header"), "packet_number"), 1ll << 61);
  CU_ASSERT_EQUAL(int_in(json_object_get(received, "raw"), "length"), 99);
  leave();
}

static void frames_are_those_of_quic(void) {
  static const struct {
    struct frame frame;
    const char *name;
  } rows[] = {
      {{.type = FRAME_PING}, "ping"},
      {{.type = FRAME_ACK, .ack = {1000, {1, 0, 2}, 2, {{7, 9}, {3, 4}}}}, "ack"},
      {{.type = FRAME_CRYPTO, .stream = {5, (const uint8_t *)"abc", 3}}, "crypto"},
      {{.type = FRAME_CONTROL, .stream = {6, (const uint8_t *)"secret", 6}}, "stream"},
      {{.type = FRAME_BLOCK, .block = {{.number = 3, .fin = true}, (const uint8_t *)"secret", 6}}, "stream"},
      {{.type = FRAME_MAX_DATA, .max_data = 77}, "max_data"},
      {{.type = FRAME_PATH_CHALLENGE, .path = 0x0123}, "path_challenge"},
      {{.type = FRAME_PATH_RESPONSE, .path = 1}, "path_response"},
      {{.type = FRAME_ACK_FREQUENCY, .ack_frequency = {8, 5000}}, "ack_frequency"},
      {{.type = FRAME_READY}, "handshake_done"},
      {{.type = FRAME_PADDING, .padding_size = 10}, "padding"},
  };
  enum { ROWS = sizeof rows / sizeof rows[0] };
  uint8_t payload[1024];
  struct writer writer;
  struct packet packet = {.type = PACKET_FRAMES, .number = 4};
  writer_init(&writer, payload, sizeof payload);
  for (size_t i = 0; i < ROWS; i++)
    frame_write(&rows[i].frame, &writer);
  begin("t");
  tell(&(struct observation){.type = OBSERVED_SENT,
                             .packet = {&packet, payload, writer_used(&writer), 1000, true}});
  end("t");
  json_t *sent = data_of("transport:packet_sent"), *frames = json_object_get(sent, "frames");
  CU_ASSERT_STRING_EQUAL(text_in(json_object_get(sent, "header"), "packet_type"), "1RTT");
  CU_ASSERT(json_is_true(json_object_get(sent, "is_mtu_probe_packet")));
  CU_ASSERT_EQUAL_FATAL(json_array_size(frames), ROWS);
  for (size_t i = 0; i < ROWS; i++)
    CU_ASSERT_STRING_EQUAL(text_in(json_array_get(frames, i), "frame_type"), rows[i].name);
  json_t *ranges = json_pack("[[i,i],[i]]", 7, 8, 3);
  CU_ASSERT(json_equal(json_object_get(json_array_get(frames, 1), "acked_ranges"), ranges));
  CU_ASSERT_EQUAL(int_in(json_array_get(frames, 1), "ce"), 2);
  CU_ASSERT_EQUAL(json_number_value(json_object_get(json_array_get(frames, 1), "ack_delay")), 1);
  CU_ASSERT_EQUAL(int_in(json_array_get(frames, 3), "stream_id"), 0);
  CU_ASSERT_EQUAL(int_in(json_array_get(frames, 4), "stream_id"), 14);
  CU_ASSERT_EQUAL(int_in(json_array_get(frames, 4), "length"), 6);
  CU_ASSERT_STRING_EQUAL(text_in(json_array_get(frames, 6), "data"), "0000000000000123");
  CU_ASSERT_PTR_NULL(strstr(text, "secret"));
  json_decref(ranges);
  leave();
}

static void only_what_changed_is_said(void) {
  struct observation what = {.type = OBSERVED_METRICS,
                             .metrics = {.min_ns = 1500000, .window = 20000, .threshold = UINT64_MAX}};
  begin("t");
  tell(&what);
  what.metrics.window = 30000;
  what.metrics.rate_bytes_per_s = 1000;
  tell(&what);
  tell(&(struct observation){.type = OBSERVED_CONGESTION, .congestion = {"cubic", "slow_start", NULL}});
  tell(&(struct observation){.type = OBSERVED_CONGESTION, .congestion = {"cubic", "recovery", "because"}});
  end("t");
  json_t *first = json_object_get(events[3], "data"), *second = json_object_get(events[4], "data");
  CU_ASSERT_EQUAL(json_number_value(json_object_get(first, "min_rtt")), 1.5);
  CU_ASSERT_PTR_NULL(json_object_get(first, "ssthresh"));
  CU_ASSERT_EQUAL(int_in(first, "congestion_window"), 20000);
  CU_ASSERT(json_is_integer(json_object_get(first, "bytes_in_flight"))); /* 0, but never said before */
  CU_ASSERT_EQUAL(json_object_size(second), 2);
  CU_ASSERT_EQUAL(int_in(second, "pacing_rate"), 8000);
  CU_ASSERT_STRING_EQUAL(text_in(json_object_get(events[6], "data"), "old"), "slow_start");
  CU_ASSERT_STRING_EQUAL(text_in(json_object_get(events[6], "data"), "new"), "recovery");
  CU_ASSERT_STRING_EQUAL(text_in(json_object_get(events[6], "data"), "udpcp_why"), "because");
  CU_ASSERT_PTR_NULL(json_object_get(json_object_get(events[5], "data"), "udpcp_why"));
  leave();
}

static void losses_say_why(void) {
  static const char *const triggers[] = {"reordering_threshold", "time_threshold", "pto_expired"};
  begin("t");
  for (int i = 0; i < 3; i++)
    tell(&(struct observation){.type = OBSERVED_LOST,
                               .level = LEVEL_DATA,
                               .lost = {.number = 5, .size = 1472, .trigger = (enum observed_trigger)i}});
  tell(&(struct observation){.type = OBSERVED_ACKED, .level = LEVEL_DATA, .acked = {1000, 41000}});
  end("t");
  for (size_t i = 0; i < 3; i++)
    CU_ASSERT_STRING_EQUAL(text_in(json_object_get(events[3 + i], "data"), "trigger"), triggers[i]);
  json_t *numbers = json_object_get(data_of("transport:packets_acked"), "packet_numbers");
  CU_ASSERT_EQUAL(json_array_size(numbers), 40000); /* larger than the buffer */
  CU_ASSERT_EQUAL(json_integer_value(json_array_get(numbers, 39999)), 40999);
  leave();
}

static void only_an_older_trace_is_overwritten(void) {
  int error = 0;
  struct stat status;
  scratch_enter();
  scratch_write("letter", "Dear reader");
  CU_ASSERT_PTR_NULL(open_trace("letter", &error));
  CU_ASSERT(error < 0);
  CU_ASSERT_EQUAL(stat("letter", &status), 0);
  CU_ASSERT_EQUAL(status.st_size, 11);
  scratch_write("older", "\x1e{\"qlog_version\":\"0.3\"} and more than the new one will have, far more of it"
                         "                                                                                "
                         "                                                                                "
                         "                                                                                ");
  trace_close(open_trace("older", &error));
  CU_ASSERT_EQUAL(error, 0);
  CU_ASSERT_EQUAL(stat("older", &status), 0);
  CU_ASSERT(status.st_size > 0 && status.st_size < 300);
  CU_ASSERT_EQUAL(mkfifo("fifo", 0600), 0);
  CU_ASSERT_PTR_NULL(open_trace("fifo", &error));
  CU_ASSERT_PTR_NULL(open_trace("/dev/null", &error));
  CU_ASSERT_PTR_NULL(open_trace(".", &error));
  CU_ASSERT_PTR_NULL(open_trace("none/t", &error));
  CU_ASSERT_PTR_NULL(open_trace(NULL, &error));
  CU_ASSERT_EQUAL(error, 0);
  scratch_leave();
}

/* As on a full disk: what comes after is dropped, and nothing else happens. */
static void a_file_that_cannot_grow_ends_the_trace_only(void) {
  struct rlimit old, tight = {.rlim_cur = 1000};
  struct stat status;
  begin("t");
  CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
  tight.rlim_max = old.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
  for (int i = 0; i < 3; i++)
    tell(&(struct observation){.type = OBSERVED_ACKED, .level = LEVEL_DATA, .acked = {0, 60000}});
  config.observer->end(traced, clock_now_ns(), &(struct conn_stats){0});
  CU_ASSERT_PTR_NULL(config.observer->begin(
      config.observer_context, clock_now_ns(),
      &(struct observed_start){.peer = &stranger})); /* nobody else is observed any more */
  trace_close(trace);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, SIG_DFL);
  CU_ASSERT_EQUAL(stat("t", &status), 0);
  CU_ASSERT_EQUAL(status.st_size, 1000);
  scratch_leave();
}

UNIT_MAIN(UNIT_CASE(begins_with_what_qvis_asks_for), UNIT_CASE(what_strangers_say_stays_inside_its_string),
          UNIT_CASE(frames_are_those_of_quic), UNIT_CASE(only_what_changed_is_said),
          UNIT_CASE(losses_say_why), UNIT_CASE(only_an_older_trace_is_overwritten),
          UNIT_CASE(a_file_that_cannot_grow_ends_the_trace_only))
