/* capture: what a recording of a link (pcap, raw IP, as netlab writes it) tells to whoever has no key.
 *
 *   capture hits FILE.pcap NEEDLES...   how many runs of 8 bytes of the UDP payloads stand in one of the
 * files capture shape FILE.pcap GAP_MS      sizes, and how the handshake went: a flight is what the client
 * sends without a pause of GAP_MS
 *
 * INITIAL packets are opened with the keys that anyone can derive (proto/wire.md section 8). */
#include "udpcp/crypto.h"
#include "udpcp/wire.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_BYTES = 8, PCAP_MAGIC = 0xa1b2c3d4, PCAP_LINK_RAW = 101, PCAP_HEADER_BYTES = 24, UDP_BYTES = 8 };

_Noreturn static void fail(const char *what) {
  fprintf(stderr, "capture: %s\n", what);
  exit(2);
}

static uint8_t *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rbe");
  if (!file || fseek(file, 0, SEEK_END) != 0) fail(path);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size + RUN_BYTES);
  if (!bytes || fread(bytes, 1, *size, file) != *size) fail(path);
  fclose(file);
  return bytes;
}

/* ---- the recording ---- */
struct datagram {
  uint64_t at_us;
  uint16_t from;
  bool is_fragment; /* or may become one */
  uint8_t *payload;
  size_t size;
};

struct recording {
  uint8_t *bytes;
  size_t size, at;
};

static void recording_open(struct recording *recording, const char *path) {
  uint32_t head[PCAP_HEADER_BYTES / 4];
  recording->bytes = read_file(path, &recording->size);
  if (recording->size < sizeof head) fail("no recording");
  memcpy(head, recording->bytes, sizeof head);
  if (head[0] != PCAP_MAGIC || head[5] != PCAP_LINK_RAW) fail("not a recording of raw IP");
  recording->at = sizeof head;
}

/* False for what carries no UDP. */
static bool find_payload(uint8_t *ip, size_t size, struct datagram *datagram) {
  size_t head = ip[0] >> 4 == 4 ? (size_t)(ip[0] & 15) * 4 : sizeof(struct ip6_hdr);
  unsigned protocol = ip[0] >> 4 == 4 ? ip[9] : ip[6];
  if (size < head + UDP_BYTES) return false;
  if (protocol == IPPROTO_FRAGMENT) fail("an IPv6 fragment");
  if (protocol != IPPROTO_UDP) return false;
  datagram->is_fragment = ip[0] >> 4 == 4 && ((ip[6] & 0x3f) != 0 || ip[7] != 0 || !(ip[6] & 0x40));
  datagram->from = (uint16_t)(ip[head] << 8 | ip[head + 1]);
  datagram->payload = ip + head + UDP_BYTES;
  datagram->size = size - head - UDP_BYTES;
  return true;
}

static bool recording_next(struct recording *recording, struct datagram *datagram) {
  uint32_t head[4];
  while (recording->size - recording->at >= sizeof head) {
    memcpy(head, recording->bytes + recording->at, sizeof head);
    uint8_t *ip = recording->bytes + recording->at + sizeof head;
    if (head[2] != head[3] || head[2] == 0 || head[2] > recording->size - recording->at - sizeof head)
      fail("a packet that was cut");
    recording->at += sizeof head + head[2];
    datagram->at_us = (uint64_t)head[0] * 1000000 + head[1];
    if (find_payload(ip, head[2], datagram)) return true;
  }
  return false;
}

/* ---- needles ---- */
struct runs {
  uint64_t *at; /* open addressing; 0 is no run of any needle */
  size_t mask;
};

static uint64_t run_of(const uint8_t *bytes) {
  uint64_t run;
  memcpy(&run, bytes, sizeof run);
  return run;
}

static uint64_t *runs_place(const struct runs *runs, uint64_t run) {
  size_t i = (run * 0x9e3779b97f4a7c15u) >> 32 & runs->mask;
  while (runs->at[i] && runs->at[i] != run)
    i = (i + 1) & runs->mask;
  return &runs->at[i];
}

static void runs_fill(struct runs *runs, char **paths, int count) {
  runs->mask = (1u << 23) - 1;
  runs->at = calloc(runs->mask + 1, sizeof *runs->at);
  if (!runs->at) fail("not enough memory");
  size_t sum = 0;
  for (int i = 0; i < count; i++) {
    size_t size;
    uint8_t *bytes = read_file(paths[i], &size);
    sum += size;
    if (size < RUN_BYTES || sum > runs->mask / 2) fail("needles too short or too large");
    for (size_t at = 0; at + RUN_BYTES <= size; at++)
      *runs_place(runs, run_of(bytes + at)) = run_of(bytes + at);
    free(bytes);
  }
}

static void count_hits(struct recording *recording, char **paths, int count) {
  struct runs runs;
  struct datagram datagram;
  unsigned long hits = 0, datagrams = 0;
  runs_fill(&runs, paths, count);
  for (; recording_next(recording, &datagram); datagrams++)
    for (size_t at = 0; at + RUN_BYTES <= datagram.size; at++) {
      uint64_t run = run_of(datagram.payload + at);
      hits += run != 0 && *runs_place(&runs, run) == run;
    }
  printf("datagrams %lu\nhits %lu\n", datagrams, hits);
  free(runs.at);
}

/* ---- shape ---- */
struct shape {
  uint16_t client;
  struct crypto ends[2]; /* as the server reads the client's packets, and the other way round */
  size_t largest, initials, small_initials, unread_initials, fragments;
  size_t flights; /* of the client, until the first of its packets with a short header */
  uint64_t client_at_us;
  bool has_data;
  bool data_follows_handshake; /* that packet came in one flight with one of the handshake's */
  bool has_handshake;          /* in this flight */
};

static bool asks_for_ack(const uint8_t *payload, size_t size) {
  struct reader reader;
  struct frame frame;
  reader_init(&reader, payload, size);
  while (reader_left(&reader) > 0 && frame_read(&frame, &reader) == 0)
    if (frame.type == FRAME_PING || frame.type == FRAME_CRYPTO) return true;
  return false;
}

static void look_at_initial(struct shape *shape, const struct packet *packet,
                            const struct datagram *datagram) {
  static const struct shared_key none; /* of no use to INITIAL packets */
  static const struct tls_config config = {.shared = &none};
  uint8_t opened[DATAGRAM_BYTES_MAX];
  for (int role = 0; role < 2 && !shape->ends[1].ops; role++) {
    shape->ends[role] = crypto_tls_new(role == 0 ? ROLE_SERVER : ROLE_CLIENT, &config);
    if (!shape->ends[role].ops ||
        shape->ends[role].ops->set_initial_id(shape->ends[role].state, packet->destination.bytes, CID_BYTES))
      fail("no keys");
  }
  const struct crypto *end = &shape->ends[datagram->from != shape->client];
  shape->initials++;
  if (end->ops->open(end->state, LEVEL_INITIAL, 0, packet->number, datagram->payload, packet->header_size,
                     datagram->payload + packet->header_size, packet->payload_size, opened) != 0)
    shape->unread_initials++;
  else if (datagram->size < DATAGRAM_BYTES_MIN && asks_for_ack(opened, packet->payload_size - TAG_BYTES_MAX))
    shape->small_initials++;
}

static void look_at_client(struct shape *shape, const struct packet *packet, uint64_t at_us,
                           uint64_t gap_us) {
  if (shape->has_data) return;
  if (shape->flights == 0 || at_us - shape->client_at_us >= gap_us) {
    shape->flights++;
    shape->has_handshake = false;
  }
  shape->client_at_us = at_us;
  shape->has_handshake |= packet->type == PACKET_HANDSHAKE;
  shape->has_data = packet->type == PACKET_FRAMES || packet->type == PACKET_BLOCK;
  shape->data_follows_handshake = shape->has_data && shape->has_handshake;
}

static void tell_shape(struct recording *recording, uint64_t gap_us) {
  struct shape shape = {0};
  struct datagram datagram;
  while (recording_next(recording, &datagram)) {
    struct packet packet;
    if (!shape.client) shape.client = datagram.from;
    if (datagram.size > shape.largest) shape.largest = datagram.size;
    shape.fragments += datagram.is_fragment;
    if (packet_read(&packet, datagram.payload, datagram.size) != 0) fail("a packet that cannot be read");
    if (packet.type == PACKET_INITIAL) look_at_initial(&shape, &packet, &datagram);
    if (datagram.from == shape.client) look_at_client(&shape, &packet, datagram.at_us, gap_us);
  }
  printf("largest %zu\nfragments %zu\n", shape.largest, shape.fragments);
  printf("initials %zu\nunread-initials %zu\nsmall-initials %zu\n", shape.initials, shape.unread_initials,
         shape.small_initials);
  printf("flights %zu\ndata-with-finished %d\n", shape.flights, shape.data_follows_handshake);
  for (int i = 0; i < 2; i++)
    if (shape.ends[i].ops) shape.ends[i].ops->free(shape.ends[i].state);
}

int main(int argc, char **argv) {
  struct recording recording;
  if (argc < 4) fail("usage: capture hits FILE.pcap NEEDLES... | shape FILE.pcap GAP_MS");
  recording_open(&recording, argv[2]);
  if (!strcmp(argv[1], "hits"))
    count_hits(&recording, argv + 3, argc - 3);
  else
    tell_shape(&recording, strtoull(argv[3], NULL, 10) * 1000);
  free(recording.bytes);
  return 0;
}
