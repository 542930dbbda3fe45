/*
 * The command line, see options.h. Two tables hold all options: those of the link, which may be said for one
 * direction by a prefix (--ab-loss, --ba-loss), and those of the run. What cannot be judged until all is read
 * (defaults that depend on other options, options of the wrong mode) is settled by finish_*() at the end.
 */
#include "options.h"

#include "units.h"

#include <assert.h>
#include <string.h>

enum {
  DEVICE_MTU = 1500,
  MTU_MIN = 68, /* RFC 791 */
  MTU_MAX = 65535,
  BUFFER_BYTES_MIN = 2048,
  QUEUE_BYTES_MIN = 256 * 1024,
  SNAP_BYTES = 65535,
  DELAY_MAX_S = 3600,
};
#define REORDER_HOLD_NS UINT64_C(1000000)
#define REORDER_HOLD_UNSET UINT64_MAX
#define DELAY_B_NS UINT64_C(300000000)
#define NS_PER_SECOND UINT64_C(1000000000)
#define RATE_MAX_BPS UINT64_C(100000000000)

/* --- options of the link: each returns NULL, or what it had expected --- */

static const char time_expected[] = "a time of at most 3600s, like 50ms (ns, us, ms or s)";
static const char rate_expected[] =
    "a rate up to 100Gbit, like 200Mbit (bit, Kbit, Mbit or Gbit), or unlimited";

static int read_time(const char *text, size_t length, uint64_t *ns) {
  if (units_time(text, length, ns) != 0 || *ns > DELAY_MAX_S * NS_PER_SECOND) return -1;
  return 0;
}

static int read_rate(const char *text, size_t length, uint64_t *bps) {
  if (length == strlen("unlimited") && memcmp(text, "unlimited", length) == 0) {
    *bps = 0;
    return 0;
  }
  return units_rate(text, length, bps) != 0 || *bps == 0 || *bps > RATE_MAX_BPS ? -1 : 0;
}

static const char *set_share(double *share, const char *value) {
  return units_share(value, strlen(value), share) == 0 ? NULL : "a share from 0% to 100%, like 0.5%";
}

static const char *set_rate(struct link_config *c, const char *value) {
  if (c->rate_count == 0) c->rate_count = 1;
  return read_rate(value, strlen(value), &c->rates[0].bits_per_second) == 0 ? NULL : rate_expected;
}

static const char *set_rate_at(struct link_config *c, const char *value) {
  struct link_rate rate;
  size_t at_length = strcspn(value, "="), i;

  if (value[at_length] != '=' || read_time(value, at_length, &rate.from_ns) != 0 || rate.from_ns == 0 ||
      read_rate(value + at_length + 1, strlen(value + at_length + 1), &rate.bits_per_second) != 0)
    return "a time above 0 and a rate, like 5s=20Mbit";
  if (c->rate_count == 0) c->rate_count = 1;
  if (c->rate_count == LINK_RATES_MAX) return "at most 15 changes of the rate";
  for (i = c->rate_count; c->rates[i - 1].from_ns > rate.from_ns; i--)
    c->rates[i] = c->rates[i - 1];
  if (c->rates[i - 1].from_ns == rate.from_ns) return "one rate for each time";
  c->rates[i] = rate;
  c->rate_count++;
  return NULL;
}

static const char *set_delay(struct link_config *c, const char *value) {
  return read_time(value, strlen(value), &c->delay_ns) == 0 ? NULL : time_expected;
}

static const char *set_jitter(struct link_config *c, const char *value) {
  return read_time(value, strlen(value), &c->jitter_ns) == 0 ? NULL : time_expected;
}

static const char *set_jitter_reorder(struct link_config *c, const char *value) {
  (void)value;
  c->jitter = LINK_JITTER_SCATTER;
  return NULL;
}

static const char *set_loss(struct link_config *c, const char *value) { return set_share(&c->loss, value); }

static const char *set_burst_loss(struct link_config *c, const char *value) {
  size_t share_length = strcspn(value, ":");
  uint64_t packets;

  if (value[share_length] != ':' || units_share(value, share_length, &c->burst_loss) != 0 ||
      units_count(value + share_length + 1, strlen(value + share_length + 1), &packets) != 0 || packets == 0)
    return "a mean loss and a mean length of bursts in packets, like 0.5%:8";
  c->burst_packets = (double)packets;
  if (c->burst_loss > c->burst_packets / (c->burst_packets + 1))
    return "longer bursts for so much loss: at least one packet passes between two bursts";
  return NULL;
}

static const char *set_reorder(struct link_config *c, const char *value) {
  size_t share_length = strcspn(value, ":");

  c->reorder_hold_ns = REORDER_HOLD_UNSET;
  if (units_share(value, share_length, &c->reorder) != 0 ||
      (value[share_length] == ':' &&
       read_time(value + share_length + 1, strlen(value + share_length + 1), &c->reorder_hold_ns) != 0))
    return "a share and, if you like, how long to hold back, like 2% or 2%:5ms";
  return NULL;
}

static const char *set_duplicate(struct link_config *c, const char *v) { return set_share(&c->duplicate, v); }
static const char *set_corrupt(struct link_config *c, const char *v) { return set_share(&c->corrupt, v); }
static const char *set_truncate(struct link_config *c, const char *v) { return set_share(&c->truncate, v); }

static const char *set_queue(struct link_config *c, const char *value) {
  if (units_size(value, strlen(value), &c->queue_bytes) != 0 || c->queue_bytes == 0 ||
      c->queue_bytes > LINK_QUEUE_BYTES_MAX)
    return "a size from 1B to 1024MiB, like 500KB (B, KB, MB, KiB or MiB)";
  return NULL;
}

static const char *set_ce_above(struct link_config *c, const char *value) {
  uint64_t *limit = &c->ce_above_bytes;

  c->ce_above_bytes = c->ce_above_ns = 0;
  if (read_time(value, strlen(value), &c->ce_above_ns) == 0)
    limit = &c->ce_above_ns;
  else if (units_size(value, strlen(value), limit) != 0)
    *limit = 0;
  return *limit > 0 ? NULL : "a size or a time above 0, like 100KB or 5ms";
}

static const char *set_ecn_bleach(struct link_config *c, const char *value) {
  (void)value;
  c->ecn_bleach = 1;
  return NULL;
}

static const char *set_ecn_drop(struct link_config *c, const char *value) {
  (void)value;
  c->ecn_drop = 1;
  return NULL;
}

static const char *set_policer(struct link_config *c, const char *value) {
  size_t rate_length = strcspn(value, ":");
  const char *bucket = value + rate_length + 1;

  if (value[rate_length] != ':' || read_rate(value, rate_length, &c->policer_bits_per_second) != 0 ||
      units_size(bucket, strlen(bucket), &c->policer_bytes) != 0 || c->policer_bytes == 0 ||
      c->policer_bytes > LINK_QUEUE_BYTES_MAX)
    return "a rate and the size of a bucket, like 20Mbit:100KB";
  return NULL;
}

static const char *read_mtu(uint32_t *mtu, const char *value) {
  uint64_t bytes;

  if (units_count(value, strlen(value), &bytes) != 0 || bytes < MTU_MIN || bytes > MTU_MAX)
    return "a number of bytes from 68 to 65535, like 1400";
  *mtu = (uint32_t)bytes;
  return NULL;
}

static const char *set_mtu(struct link_config *c, const char *value) { return read_mtu(&c->mtu, value); }

static const char *set_mtu_at(struct link_config *c, const char *value) {
  struct link_mtu mtu;
  size_t at_length = strcspn(value, "="), i;

  if (value[at_length] != '=' || read_time(value, at_length, &mtu.from_ns) != 0 || mtu.from_ns == 0 ||
      read_mtu(&mtu.bytes, value + at_length + 1) != NULL)
    return "a time above 0 and a number of bytes from 68 to 65535, like 2s=1300";
  if (c->mtu_count == LINK_MTUS_MAX) return "at most 16 changes of the MTU";
  for (i = c->mtu_count; i > 0 && c->mtus[i - 1].from_ns > mtu.from_ns; i--)
    c->mtus[i] = c->mtus[i - 1];
  if (i > 0 && c->mtus[i - 1].from_ns == mtu.from_ns) return "one MTU for each time";
  c->mtus[i] = mtu;
  c->mtu_count++;
  return NULL;
}

static const char *set_blackout(struct link_config *c, const char *value) {
  size_t from_length = strcspn(value, "+");
  struct link_blackout *b = &c->blackouts[c->blackout_count];
  uint64_t duration_ns;

  if (c->blackout_count == LINK_BLACKOUTS_MAX) return "at most 16 blackouts";
  if (value[from_length] != '+' || read_time(value, from_length, &b->from_ns) != 0 ||
      read_time(value + from_length + 1, strlen(value + from_length + 1), &duration_ns) != 0)
    return "a beginning and a duration, like 2s+500ms";
  b->until_ns = b->from_ns + duration_ns;
  c->blackout_count++;
  return NULL;
}

struct link_option {
  const char *name;
  const char *(*set)(struct link_config *c, const char *value);
  int takes_value;
};

static const struct link_option link_options[] = {
    {"rate", set_rate, 1},         {"rate-at", set_rate_at, 1},
    {"delay", set_delay, 1},       {"jitter", set_jitter, 1},
    {"loss", set_loss, 1},         {"jitter-reorder", set_jitter_reorder, 0},
    {"reorder", set_reorder, 1},   {"burst-loss", set_burst_loss, 1},
    {"corrupt", set_corrupt, 1},   {"duplicate", set_duplicate, 1},
    {"truncate", set_truncate, 1}, {"queue", set_queue, 1},
    {"mtu", set_mtu, 1},           {"blackout", set_blackout, 1},
    {"ce-above", set_ce_above, 1}, {"ecn-bleach", set_ecn_bleach, 0},
    {"ecn-drop", set_ecn_drop, 0}, {"policer", set_policer, 1},
    {"mtu-at", set_mtu_at, 1},
};

/* --- options of the run --- */

static const char *set_help(struct options *o, char *value) {
  (void)value;
  o->mode = MODE_HELP;
  return NULL;
}

static const char *set_can_netns(struct options *o, char *value) {
  (void)value;
  o->mode = MODE_CAN_NETNS;
  return NULL;
}

static const char *set_relay(struct options *o, char *value) {
  static const char expected[] = "LISTENPORT:HOST:PORT, like 0:127.0.0.1:4117 or 7000:[::1]:4117";
  size_t port_length = strcspn(value, ":"), host_length;
  const char *host, *port = strrchr(value, ':');
  uint64_t listen_port, server_port;

  if (port == NULL || port == value + port_length) return expected;
  host = value + port_length + 1;
  host_length = (size_t)(port - host);
  if (host_length >= 2 && host[0] == '[' && host[host_length - 1] == ']') {
    host++;
    host_length -= 2;
  }
  if (units_count(value, port_length, &listen_port) != 0 || listen_port > UINT16_MAX || host_length == 0 ||
      host_length >= sizeof(o->server_host) || units_count(port + 1, strlen(port + 1), &server_port) != 0 ||
      server_port == 0 || server_port > UINT16_MAX)
    return expected;
  o->mode = MODE_RELAY;
  o->listen_port = (uint16_t)listen_port;
  memcpy(o->server_host, host, host_length);
  o->server_host[host_length] = '\0';
  snprintf(o->server_port, sizeof(o->server_port), "%u", (unsigned)server_port);
  return NULL;
}

static const char *set_rebind(struct options *o, char *value) {
  uint64_t at_ns;
  size_t i;

  if (read_time(value, strlen(value), &at_ns) != 0) return time_expected;
  if (o->rebind_count == OPTIONS_REBINDS_MAX) return "at most 16 rebindings";
  for (i = o->rebind_count++; i > 0 && o->rebinds_ns[i - 1] > at_ns; i--)
    o->rebinds_ns[i] = o->rebinds_ns[i - 1];
  o->rebinds_ns[i] = at_ns;
  return NULL;
}

static const char *set_seed(struct options *o, char *value) {
  return units_count(value, strlen(value), &o->seed) == 0 ? NULL : "a whole number";
}

static const char *set_stats(struct options *o, char *value) {
  (void)value;
  o->has_stats = 1;
  return NULL;
}

static const char *set_flows(struct options *o, char *value) {
  (void)value;
  o->has_flows = 1;
  return NULL;
}

static const char *set_pcap(struct options *o, char *value) {
  o->pcap_path = value;
  return NULL;
}

static const char *set_snap(struct options *o, char *value) {
  uint64_t bytes;

  if (units_count(value, strlen(value), &bytes) != 0 || bytes == 0 || bytes > SNAP_BYTES)
    return "a number of bytes from 1 to 65535";
  o->snap_bytes = (uint32_t)bytes;
  return NULL;
}

static const char *set_device_mtu(struct options *o, char *value) { return read_mtu(&o->device_mtu, value); }

static const char *set_delay_b(struct options *o, char *value) {
  if (units_seconds(value, strlen(value), &o->delay_b_ns) != 0 || o->delay_b_ns > DELAY_MAX_S * NS_PER_SECOND)
    return "a number of seconds, like 0.3";
  return NULL;
}

static const char *set_stop_a(struct options *o, char *value) {
  (void)value;
  o->stops_a_after_b = 1;
  return NULL;
}

struct run_option {
  const char *name;
  const char *(*set)(struct options *o, char *value);
  int takes_value;
};

static const struct run_option run_options[] = {
    {"help", set_help, 0},          {"can-netns", set_can_netns, 0}, {"relay", set_relay, 1},
    {"rebind", set_rebind, 1},      {"seed", set_seed, 1},           {"stats", set_stats, 0},
    {"flows", set_flows, 0},        {"pcap", set_pcap, 1},           {"snap", set_snap, 1},
    {"dev-mtu", set_device_mtu, 1}, {"delay-b", set_delay_b, 1},     {"stop-a-after-b", set_stop_a, 0},
};

/* --- reading --- */

/* Which directions a name speaks of, as bits; steps over the prefix. */
static unsigned directions_of(const char **name) {
  if (strncmp(*name, "ab-", 3) == 0) {
    *name += 3;
    return 1u << DIRECTION_AB;
  }
  if (strncmp(*name, "ba-", 3) == 0) {
    *name += 3;
    return 1u << DIRECTION_BA;
  }
  return 1u << DIRECTION_AB | 1u << DIRECTION_BA;
}

struct argument {
  const char *text; /* as typed */
  char name[32];    /* without dashes and value */
  char *value;      /* after '=', else NULL */
};

static const struct link_option *find_link_option(const char *name) {
  size_t i;

  for (i = 0; i < sizeof(link_options) / sizeof(link_options[0]); i++)
    if (strcmp(name, link_options[i].name) == 0) return &link_options[i];
  return NULL;
}

static const struct run_option *find_run_option(const char *name) {
  size_t i;

  for (i = 0; i < sizeof(run_options) / sizeof(run_options[0]); i++)
    if (strcmp(name, run_options[i].name) == 0) return &run_options[i];
  return NULL;
}

static const char *apply(struct options *o, const struct argument *a) {
  const struct run_option *run = find_run_option(a->name);
  const char *name = a->name, *expected = NULL;
  unsigned directions, i;

  if (run != NULL) return run->set(o, a->value);
  directions = directions_of(&name);
  for (i = 0; i < DIRECTIONS && expected == NULL; i++)
    if (directions & 1u << i) expected = find_link_option(name)->set(&o->link[i], a->value);
  return expected;
}

/* Whether the option takes a value; -1 when there is no such option. */
static int takes_value(const char *name) {
  const struct run_option *run = find_run_option(name);
  const struct link_option *link;

  if (run != NULL) return run->takes_value;
  directions_of(&name);
  link = find_link_option(name);
  return link != NULL ? link->takes_value : -1;
}

/* Reads one option, which may take two arguments; returns how many it took, or -1. */
static int parse_option(struct options *o, char **argv, struct failure *f) {
  struct argument a = {.text = argv[0]};
  size_t name_length = strcspn(argv[0], "=");
  const char *expected;
  int takes, used = 1;

  if (strncmp(argv[0], "--", 2) != 0)
    return failure_set(f, FAILURE_OWN, "\"%s\" is no option; commands follow after --", argv[0]);
  if (name_length - 2 < sizeof(a.name)) memcpy(a.name, argv[0] + 2, name_length - 2);
  if (argv[0][name_length] == '=') a.value = argv[0] + name_length + 1;
  takes = takes_value(a.name);
  if (takes < 0)
    return failure_set(f, FAILURE_OWN, "there is no option %.*s; see --help", (int)name_length, a.text);
  if (!takes && a.value != NULL) return failure_set(f, FAILURE_OWN, "--%s takes no value", a.name);
  if (takes && a.value == NULL) {
    a.value = argv[1];
    used = 2;
  }
  if (takes && a.value == NULL) return failure_set(f, FAILURE_OWN, "--%s needs a value", a.name);
  expected = apply(o, &a);
  if (expected != NULL)
    return failure_set(f, FAILURE_OWN, "--%s \"%s\": expected %s", a.name, a.value, expected);
  return used;
}

/* --- what depends on more than one option --- */

static void finish_link(struct options *o, enum direction d) {
  struct link_config *c = &o->link[d];
  uint64_t round_trip_ns = o->link[DIRECTION_AB].delay_ns + o->link[DIRECTION_BA].delay_ns;
  uint64_t rate = 0;
  size_t i;

  for (i = 0; i < c->rate_count; i++)
    if (c->rates[i].bits_per_second > rate) rate = c->rates[i].bits_per_second;
  if (c->queue_bytes == 0) {
    double product = (double)rate / 8 * (double)round_trip_ns / (double)NS_PER_SECOND;

    c->queue_bytes = product > LINK_QUEUE_BYTES_MAX ? LINK_QUEUE_BYTES_MAX : (uint64_t)product;
    if (c->queue_bytes < QUEUE_BYTES_MIN) c->queue_bytes = QUEUE_BYTES_MIN;
  }
  if (c->reorder_hold_ns == REORDER_HOLD_UNSET) c->reorder_hold_ns = REORDER_HOLD_NS + c->delay_ns / 4;
  c->framing = o->mode == MODE_RELAY ? LINK_DATAGRAMS : LINK_IP_PACKETS;
  c->packet_bytes_max = o->mode == MODE_RELAY ? UINT16_MAX : o->device_mtu;
  if (c->packet_bytes_max < BUFFER_BYTES_MIN) c->packet_bytes_max = BUFFER_BYTES_MIN;
}

static int has_ecn(const struct link_config *c) {
  return c->ce_above_bytes > 0 || c->ce_above_ns > 0 || c->ecn_bleach || c->ecn_drop;
}

static int finish_mode(const struct options *o, struct failure *f) {
  int has_truncate = o->link[DIRECTION_AB].truncate > 0 || o->link[DIRECTION_BA].truncate > 0;

  if (o->mode == MODE_NAMESPACES && o->command_b == NULL)
    return failure_set(f, FAILURE_OWN, "expected two commands: netlab [options] -- CMD_A... -- CMD_B...");
  if (o->mode == MODE_NAMESPACES && (has_truncate || o->rebind_count > 0))
    return failure_set(f, FAILURE_OWN, "--truncate and --rebind work with --relay only");
  if (o->mode == MODE_RELAY && (o->pcap_path != NULL || o->stops_a_after_b || o->has_flows))
    return failure_set(f, FAILURE_OWN, "--pcap, --flows and --stop-a-after-b do not work with --relay");
  if (o->mode == MODE_RELAY && (has_ecn(&o->link[DIRECTION_AB]) || has_ecn(&o->link[DIRECTION_BA])))
    return failure_set(f, FAILURE_OWN, "--ce-above, --ecn-bleach and --ecn-drop do not work with --relay");
  return 0;
}

/* Splits what follows the options: "-- A... -- B..."; in relay mode all of it is one command. */
static int parse_commands(struct options *o, char **argv, struct failure *f) {
  char **at;

  assert(strcmp(argv[0], "--") == 0);
  if (argv[1] == NULL || strcmp(argv[1], "--") == 0)
    return failure_set(f, FAILURE_OWN, "expected a command after --");
  if (o->mode == MODE_RELAY) {
    o->command_b = argv + 1;
    return 0;
  }
  o->command_a = argv + 1;
  for (at = argv + 1; *at != NULL && strcmp(*at, "--") != 0; at++)
    continue;
  if (*at != NULL && at[1] != NULL) {
    *at = NULL;
    o->command_b = at + 1;
  }
  return 0;
}

int options_parse(struct options *o, int argc, char **argv, struct failure *f) {
  int i = 1;

  memset(o, 0, sizeof(*o));
  o->mode = MODE_NAMESPACES;
  o->seed = 1;
  o->device_mtu = DEVICE_MTU;
  o->snap_bytes = SNAP_BYTES;
  o->delay_b_ns = DELAY_B_NS;
  while (i < argc && strcmp(argv[i], "--") != 0) {
    int used = parse_option(o, argv + i, f);

    if (used < 0) return -1;
    i += used;
  }
  if (o->mode == MODE_HELP) return 0;
  if (i < argc && parse_commands(o, argv + i, f) != 0) return -1;
  finish_link(o, DIRECTION_AB);
  finish_link(o, DIRECTION_BA);
  return finish_mode(o, f);
}
