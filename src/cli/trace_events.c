/* What the transport says, in the words of qlog's schema for QUIC (version 0.3 of the main schema), which is
 * near enough: a packet of ours becomes one of QUIC's types, block n becomes its unidirectional stream 4n +
 * 2, the control stream its bidirectional stream 0 (proto/trace.md has the list). Sizes, times and numbers
 * are written, and the reason of a close; never what is carried. */
#include "trace_events.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "udpcp/io.h"

enum { BITS = 8, CONTROL_STREAM = 0, EIGHTHS = 8 };

static double to_ms(uint64_t ns) { return (double)ns / (double)NS_PER_MS; }
static json_int_t to_int(uint64_t value) { return value < INT64_MAX ? (json_int_t)value : INT64_MAX; }
static json_int_t stream_of(uint64_t block) { return to_int(4 * block + 2); }

void trace_hex(const uint8_t *bytes, size_t size, char *text) {
  for (size_t i = 0; i < size; i++)
    snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static json_t *cid_json(const struct cid *cid) {
  char text[2 * CID_BYTES + 1];
  trace_hex(cid->bytes, CID_BYTES, text);
  return json_string(text);
}

static json_t *address_json(const struct address *address) {
  char text[ADDRESS_TEXT_BYTES];
  address_text(address, text);
  return json_string(text);
}

/* Foreign bytes. */
static json_t *text_json(const char *bytes, size_t size) {
  char text[4 * REASON_BYTES_MAX + 1];
  text_escape((const uint8_t *)bytes, size, text, sizeof text);
  return json_string(text);
}

static const char *level_name(enum crypto_level level) {
  static const char *const names[] = {"initial", "handshake", "application_data"};
  return names[level];
}

static const char *type_name(enum crypto_level level) {
  static const char *const names[] = {"initial", "handshake", "1RTT"};
  return names[level];
}

/* ---- frames ---- */
static json_t *ack_json(const struct frame_ack *ack) {
  json_t *ranges = json_array();
  for (uint32_t i = 0; i < ack->range_count; i++) {
    const struct range *range = &ack->ranges[i];
    json_array_append_new(ranges, range->end - range->first == 1
                                      ? json_pack("[I]", to_int(range->first))
                                      : json_pack("[I,I]", to_int(range->first), to_int(range->end - 1)));
  }
  json_t *frame = json_pack("{s:s,s:f,s:o}", "frame_type", "ack", "ack_delay",
                            to_ms(ack->delay_us * NS_PER_US), "acked_ranges", ranges);
  if (frame && (ack->ecn[0] || ack->ecn[1] || ack->ecn[2])) {
    json_object_set_new(frame, "ect0", json_integer(to_int(ack->ecn[0])));
    json_object_set_new(frame, "ect1", json_integer(to_int(ack->ecn[1])));
    json_object_set_new(frame, "ce", json_integer(to_int(ack->ecn[2])));
  }
  return frame;
}

static json_t *stream_json(json_int_t stream, uint64_t offset, size_t size, bool fin) {
  json_t *frame = json_pack("{s:s,s:I,s:I,s:I}", "frame_type", "stream", "stream_id", stream, "offset",
                            to_int(offset), "length", to_int(size));
  if (frame && fin) json_object_set_new(frame, "fin", json_true());
  return frame;
}

static json_t *path_json(const char *type, uint64_t data) {
  char text[2 * sizeof data + 1];
  snprintf(text, sizeof text, "%016llx", (unsigned long long)data);
  return json_pack("{s:s,s:s}", "frame_type", type, "data", text);
}

static json_t *frame_json(const struct frame *frame) {
  switch (frame->type) {
  case FRAME_PADDING:
    return json_pack("{s:s,s:I}", "frame_type", "padding", "payload_length", to_int(frame->padding_size));
  case FRAME_PING:
    return json_pack("{s:s}", "frame_type", "ping");
  case FRAME_ACK:
    return ack_json(&frame->ack);
  case FRAME_CRYPTO:
    return json_pack("{s:s,s:I,s:I}", "frame_type", "crypto", "offset", to_int(frame->stream.offset),
                     "length", to_int(frame->stream.size));
  case FRAME_CONTROL:
    return stream_json(CONTROL_STREAM, frame->stream.offset, frame->stream.size, false);
  case FRAME_BLOCK:
    return stream_json(stream_of(frame->block.header.number), frame->block.header.offset, frame->block.size,
                       frame->block.header.fin);
  case FRAME_MAX_DATA:
    return json_pack("{s:s,s:I}", "frame_type", "max_data", "maximum", to_int(frame->max_data));
  case FRAME_PATH_CHALLENGE:
    return path_json("path_challenge", frame->path);
  case FRAME_PATH_RESPONSE:
    return path_json("path_response", frame->path);
  case FRAME_ACK_FREQUENCY:
    return json_pack("{s:s,s:I,s:f}", "frame_type", "ack_frequency", "ack_eliciting_threshold",
                     to_int(frame->ack_frequency.packets), "request_max_ack_delay",
                     (double)frame->ack_frequency.delay_us * NS_PER_US / NS_PER_MS);
  case FRAME_READY:
    return json_pack("{s:s}", "frame_type", "handshake_done");
  case FRAME_CLOSE:
    return json_pack("{s:s,s:s,s:I,s:o}", "frame_type", "connection_close", "error_space", "application",
                     "error_code", to_int(frame->close.code), "reason",
                     text_json((const char *)frame->close.reason, frame->close.reason_size));
  case FRAME_TYPES:
    break;
  }
  return json_pack("{s:s}", "frame_type", "unknown");
}

static json_t *frames_json(const struct observed_packet *observed) {
  const struct packet *packet = observed->packet;
  json_t *frames = json_array();
  if (packet->type == PACKET_BLOCK) {
    json_array_append_new(frames, stream_json(stream_of(packet->block.number), packet->block.offset,
                                              observed->payload_size, packet->block.fin));
    return frames;
  }
  struct reader reader;
  struct frame frame;
  reader_init(&reader, observed->payload, observed->payload_size);
  while (reader_left(&reader) > 0 && frame_read(&frame, &reader) == 0)
    json_array_append_new(frames, frame_json(&frame));
  return frames;
}

/* ---- packets ---- */
static json_t *packet_json(const struct observed_packet *observed) {
  const struct packet *packet = observed->packet;
  enum crypto_level level = packet->type == PACKET_INITIAL     ? LEVEL_INITIAL
                            : packet->type == PACKET_HANDSHAKE ? LEVEL_HANDSHAKE
                                                               : LEVEL_DATA;
  json_t *data = json_pack("{s:{s:s,s:I},s:{s:I},s:o}", "header", "packet_type", type_name(level),
                           "packet_number", to_int(packet->number), "raw", "length",
                           to_int(observed->datagram_size), "frames", frames_json(observed));
  if (data && observed->is_mtu_probe) json_object_set_new(data, "is_mtu_probe_packet", json_true());
  return data;
}

static json_t *acked_json(const struct observation *what) {
  json_t *numbers = json_array();
  for (uint64_t number = what->acked.first; number < what->acked.end; number++)
    json_array_append_new(numbers, json_integer(to_int(number)));
  return json_pack("{s:s,s:o}", "packet_number_space", level_name(what->level), "packet_numbers", numbers);
}

static json_t *lost_json(const struct observation *what) {
  static const char *const triggers[] = {
      [LOST_BY_REORDERING] = "reordering_threshold",
      [LOST_BY_TIME] = "time_threshold",
      [LOST_BY_PROBES] = "pto_expired",
  };
  bool is_lost = what->type == OBSERVED_LOST;
  json_t *data =
      json_pack("{s:{s:s,s:I},s:{s:I}}", "header", "packet_type", type_name(what->level), "packet_number",
                to_int(what->lost.number), "raw", "length", to_int(what->lost.size));
  if (data && is_lost) json_object_set_new(data, "trigger", json_string(triggers[what->lost.trigger]));
  if (data && is_lost && what->lost.is_mtu_probe)
    json_object_set_new(data, "is_mtu_probe_packet", json_true());
  return data;
}

static json_t *dropped_json(const struct observation *what) {
  return json_pack("{s:{s:I},s:{s:s},s:s}", "raw", "length", to_int(what->dropped.size), "details", "reason",
                   what->dropped.why, "trigger", "general");
}

/* ---- numbers that change ---- */
static void put_ms(json_t *data, const char *name, uint64_t ns, uint64_t old_ns) {
  if (ns != old_ns) json_object_set_new(data, name, json_real(to_ms(ns)));
}

static void put_int(json_t *data, const char *name, uint64_t value, uint64_t old) {
  if (value != old) json_object_set_new(data, name, json_integer(to_int(value)));
}

static json_t *metrics_json(const struct observed_metrics *new, struct observed_metrics *old) {
  json_t *data = json_object();
  if (!data) return NULL;
  if (new->min_ns > 0) {
    put_ms(data, "min_rtt", new->min_ns, old->min_ns);
    put_ms(data, "smoothed_rtt", new->smoothed_ns, old->smoothed_ns);
    put_ms(data, "latest_rtt", new->latest_ns, old->latest_ns);
    put_ms(data, "rtt_variance", new->variation_ns, old->variation_ns);
  }
  put_int(data, "congestion_window", new->window, old->window);
  put_int(data, "bytes_in_flight", new->in_flight, old->in_flight);
  put_int(data, "packets_in_flight", new->packets_in_flight, old->packets_in_flight);
  if (new->threshold != UINT64_MAX) put_int(data, "ssthresh", new->threshold, old->threshold);
  put_int(data, "pacing_rate", BITS * new->rate_bytes_per_s, BITS * old->rate_bytes_per_s);
  put_int(data, "pto_count", new->probe_count, old->probe_count);
  put_int(data, "udpcp_credit", new->credit, old->credit);
  *old = *new;
  return data;
}

static json_t *timer_json(const struct observation *what, uint64_t now_ns) {
  uint64_t deadline_ns = what->timer.deadline_ns;
  bool is_set = !what->timer.expired && deadline_ns != TIME_NEVER;
  json_t *data = json_pack("{s:s,s:s,s:s}", "timer_type", what->timer.is_probe ? "pto" : "ack",
                           "packet_number_space", level_name(what->level), "event_type",
                           is_set                ? "set"
                           : what->timer.expired ? "expired"
                                                 : "cancelled");
  if (data && is_set)
    json_object_set_new(data, "delta", json_real(deadline_ns > now_ns ? to_ms(deadline_ns - now_ns) : 0));
  return data;
}

/* ---- what is said once ---- */
/* The socket is open to all of this machine's addresses: which one is used is not known here. */
json_t *trace_started_data(const struct observed_start *start) {
  char text[ADDRESS_TEXT_BYTES];
  address_text(start->peer, text);
  bool is_ipv6 = address_is_ipv6(start->peer);
  char *colon = strrchr(text, ':'), *host = text;
  const char *port = colon ? colon + 1 : "0";
  if (colon) *colon = 0;
  if (*host == '[') {
    host++;
    host[strcspn(host, "]")] = 0;
  }
  return json_pack("{s:s,s:s,s:s,s:s,s:i,s:o,s:o}", "protocol", "udpcp/1", "ip_version",
                   is_ipv6 ? "v6" : "v4", "src_ip", is_ipv6 ? "::" : "0.0.0.0", "dst_ip", host, "dst_port",
                   (int)strtol(port, NULL, 10), "src_cid", cid_json(&start->local_cid), "dst_cid",
                   cid_json(&start->peer_cid));
}

json_t *trace_recovery_data(const struct observed_start *start) {
  return json_pack("{s:I,s:f,s:f,s:f,s:I,s:I}", "reordering_threshold", to_int(start->packet_threshold),
                   "time_threshold", (double)start->time_eighths / EIGHTHS, "timer_granularity",
                   to_ms(start->granularity_ns), "initial_rtt", to_ms(start->initial_rtt_ns),
                   "max_datagram_size", to_int(start->datagram_bytes), "initial_congestion_window",
                   to_int(start->window));
}

static json_t *parameters_json(const struct observation *what) {
  const struct params *params = what->parameters.params;
  bool is_local = what->parameters.whose == OBSERVED_LOCAL;
  return json_pack("{s:s,s:o,s:I,s:I,s:I,s:I}", "owner", is_local ? "local" : "remote",
                   "initial_source_connection_id", cid_json(&params->source_cid), "initial_max_data",
                   to_int(params->max_data), "max_idle_timeout", to_int(params->idle_timeout_ms),
                   "max_udp_payload_size", to_int(params->datagram_bytes_max), "udpcp_protection",
                   to_int(params->protection));
}

static json_t *keys_json(const struct observation *what, enum crypto_role role) {
  bool is_client = (what->keys.whose == OBSERVED_LOCAL) == (role == ROLE_CLIENT);
  return json_pack("{s:s,s:I,s:s}", "key_type", is_client ? "client_1rtt_secret" : "server_1rtt_secret",
                   "generation", to_int(what->keys.phase), "trigger",
                   what->keys.whose == OBSERVED_LOCAL ? "local_update" : "remote_update");
}

static json_t *path_change_json(const struct observation *what) {
  static const char *const states[] = {[PATH_CHANGED] = "migration_started",
                                       [PATH_VALIDATED] = "migration_complete",
                                       [PATH_TAKEN_BACK] = "migration_abandoned"};
  return json_pack("{s:s,s:o}", "new", states[what->path.what], "path_remote", address_json(what->path.peer));
}

static json_t *closed_json(const struct observation *what) {
  const char *trigger = what->closed.by == CLOSED_BY_SILENCE     ? "idle_timeout"
                        : what->closed.by == CLOSED_BY_NO_ANSWER ? "handshake_timeout"
                        : what->closed.code == CLOSE_DONE        ? "clean"
                        : what->closed.code == CLOSE_VERSION     ? "version_mismatch"
                                                                 : "error";
  return json_pack("{s:s,s:I,s:o,s:s}", "owner", what->closed.by == CLOSED_BY_PEER ? "remote" : "local",
                   "application_code", to_int(what->closed.code), "reason",
                   text_json(what->closed.reason, strlen(what->closed.reason)), "trigger", trigger);
}

json_t *trace_totals_data(const struct conn_stats *stats) {
  return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "packets_sent",
                   to_int(stats->packets_sent), "packets_received", to_int(stats->packets_received),
                   "packets_lost", to_int(stats->packets_lost), "packets_spurious",
                   to_int(stats->packets_spurious), "packets_duplicate", to_int(stats->packets_duplicate),
                   "packets_refused", to_int(stats->packets_refused), "bytes_sent", to_int(stats->bytes_sent),
                   "bytes_received", to_int(stats->bytes_received), "block_bytes_sent",
                   to_int(stats->block_bytes_sent), "block_bytes_resent", to_int(stats->block_bytes_resent),
                   "block_bytes_received", to_int(stats->block_bytes_received), "probe_timeouts",
                   to_int(stats->probe_timeouts));
}

/* ---- all of them ---- */
const char *trace_event_name(const struct observation *what) {
  static const char *const names[OBSERVATION_TYPES] = {
      [OBSERVED_PARAMETERS] = "transport:parameters_set",
      [OBSERVED_STATE] = "connectivity:connection_state_updated",
      [OBSERVED_SENT] = "transport:packet_sent",
      [OBSERVED_RECEIVED] = "transport:packet_received",
      [OBSERVED_DROPPED] = "transport:packet_dropped",
      [OBSERVED_ACKED] = "transport:packets_acked",
      [OBSERVED_LOST] = "recovery:packet_lost",
      [OBSERVED_FOUND] = "udpcp:spurious_loss",
      [OBSERVED_METRICS] = "recovery:metrics_updated",
      [OBSERVED_CONGESTION] = "recovery:congestion_state_updated",
      [OBSERVED_TIMER] = "recovery:loss_timer_updated",
      [OBSERVED_MTU] = "connectivity:mtu_updated",
      [OBSERVED_KEYS] = "security:key_updated",
      [OBSERVED_PATH] = "connectivity:migration_state_updated",
      [OBSERVED_CLOSED] = "connectivity:connection_closed",
  };
  assert(what->type < OBSERVATION_TYPES && names[what->type]);
  return names[what->type];
}

/* States and sizes, with what they were before. */
static json_t *change_json(const struct observation *what, struct trace_memory *memory) {
  static const char *const states[] = {[OBSERVED_ATTEMPTED] = "attempted",
                                       [OBSERVED_HANDSHAKE] = "handshake_started",
                                       [OBSERVED_COMPLETE] = "handshake_complete",
                                       [OBSERVED_CONFIRMED] = "handshake_confirmed",
                                       [OBSERVED_CLOSING] = "closing",
                                       [OBSERVED_DRAINING] = "draining"};
  json_t *data = NULL;
  if (what->type == OBSERVED_STATE) {
    data = what->state == memory->state
               ? json_pack("{s:s}", "new", states[what->state])
               : json_pack("{s:s,s:s}", "old", states[memory->state], "new", states[what->state]);
    memory->state = what->state;
  } else if (what->type == OBSERVED_MTU) {
    data = json_pack("{s:I,s:I}", "old", to_int(memory->mtu), "new", to_int(what->mtu));
    memory->mtu = what->mtu;
  } else {
    data = json_pack("{s:s*,s:s,s:s,s:s*}", "old", memory->congestion, "new", what->congestion.state,
                     "udpcp_controller", what->congestion.name, "udpcp_why", what->congestion.why);
    memory->congestion = what->congestion.state;
  }
  return data;
}

json_t *trace_event_data(const struct observation *what, uint64_t now_ns, enum crypto_role role,
                         struct trace_memory *memory) {
  switch (what->type) {
  case OBSERVED_PARAMETERS:
    return parameters_json(what);
  case OBSERVED_SENT:
  case OBSERVED_RECEIVED:
    return packet_json(&what->packet);
  case OBSERVED_DROPPED:
    return dropped_json(what);
  case OBSERVED_ACKED:
    return acked_json(what);
  case OBSERVED_LOST:
  case OBSERVED_FOUND:
    return lost_json(what);
  case OBSERVED_METRICS:
    return metrics_json(&what->metrics, &memory->metrics);
  case OBSERVED_TIMER:
    return timer_json(what, now_ns);
  case OBSERVED_KEYS:
    return keys_json(what, role);
  case OBSERVED_PATH:
    return path_change_json(what);
  case OBSERVED_CLOSED:
    return closed_json(what);
  case OBSERVED_STATE:
  case OBSERVED_MTU:
  case OBSERVED_CONGESTION:
  case OBSERVATION_TYPES:
    break;
  }
  return change_json(what, memory);
}
