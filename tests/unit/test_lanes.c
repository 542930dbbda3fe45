/* lanes: what several threads seal and open is to the bit what one does - packet by packet, and connection by
 * connection with damaged, forged and repeated packets and with keys renewed in the middle of batches. */
#include "unit.h"

#include "lanes_flow.h"

enum { LANES = 4, PACKETS = SEALS_MAX, PAYLOAD_BYTES_MAX = 1400, BLOCKS = 60 };

static struct flow flow, other;

/* ---- keys ---- */

/* Two ends that have agreed on keys for all lanes. */
static void agree(struct crypto ends[2], struct tls_config config[2], enum protection_suite suite) {
  static const uint8_t params[] = "params", id[8] = {1};
  for (int end = 0; end < 2; end++) {
    config[end] = (struct tls_config){.shared = &flow_key, .lanes = LANES};
    ends[end] = crypto_tls_new(end == CLIENT ? ROLE_CLIENT : ROLE_SERVER, &config[end]);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ends[end].ops);
    CU_ASSERT_EQUAL_FATAL(ends[end].ops->set_initial_id(ends[end].state, id, sizeof(id)), 0);
    CU_ASSERT_EQUAL_FATAL(ends[end].ops->start(ends[end].state, params, sizeof(params)), 0);
  }
  for (int round = 0; round < 4; round++)
    for (int end = 0; end < 2; end++)
      for (int level = LEVEL_INITIAL; level < LEVEL_DATA; level++) {
        uint8_t bytes[8192];
        size_t size =
            ends[end].ops->next_handshake(ends[end].state, (enum crypto_level)level, bytes, sizeof(bytes));
        if (size == 0) continue;
        CU_ASSERT_EQUAL_FATAL(
            ends[!end].ops->on_handshake(ends[!end].state, (enum crypto_level)level, bytes, size), 0);
      }
  for (int end = 0; end < 2; end++)
    CU_ASSERT_EQUAL_FATAL(ends[end].ops->protect(ends[end].state, suite), 0);
}

struct packets {
  struct crypto crypto;
  int errors[PACKETS];
  size_t sizes[PACKETS]; /* of the payload */
  uint8_t bytes[PACKETS][20 + PAYLOAD_BYTES_MAX + 16];
};

static void open_job(void *context, size_t i, unsigned lane) {
  struct packets *packets = context;
  size_t tag = packets->crypto.ops->tag_size(packets->crypto.state, LEVEL_DATA);
  uint8_t *payload = packets->bytes[i] + 20;
  packets->errors[i] =
      packets->crypto.ops->open_lane(packets->crypto.state, lane, 1000 + i, packets->bytes[i], 20, payload,
                                     packets->sizes[i] + tag, payload);
}

static void check_suite(struct crew *crew, enum protection_suite suite, unsigned renewals) {
  static struct packets sent, serial;
  static struct seals seals;
  struct crypto ends[2];
  struct tls_config config[2];
  agree(ends, config, suite);
  struct crypto *client = &ends[CLIENT], *server = &ends[SERVER];
  struct prng prng;
  prng_seed(&prng, 3);
  for (unsigned phase = 0; phase <= renewals; phase++) {
    if (phase > 0) client->ops->renew_keys(client->state);
    size_t tag = client->ops->tag_size(client->state, LEVEL_DATA);
    seals.count = 0;
    sent.crypto = *server;
    for (size_t i = 0; i < PACKETS; i++) {
      size_t size = sent.sizes[i] = prng_next(&prng) % (PAYLOAD_BYTES_MAX + 1);
      for (size_t at = 0; at < 20 + size; at++)
        sent.bytes[i][at] = (uint8_t)prng_next(&prng);
      CU_ASSERT_EQUAL(client->ops->seal(client->state, LEVEL_DATA, 1000 + i, sent.bytes[i], 20,
                                        sent.bytes[i] + 20, size, serial.bytes[i] + 20),
                      0);
      seals.packets[seals.count++] =
          (struct seal){client, 1000 + i, sent.bytes[i], sent.bytes[i] + 20, 20, size};
    }
    crew_run(crew, seals.count, 2, seals_run, &seals);
    unsigned differ = 0, missed = 0, taken = 0;
    for (size_t i = 0; i < PACKETS; i++) {
      differ += memcmp(sent.bytes[i] + 20, serial.bytes[i] + 20, sent.sizes[i] + tag) != 0;
      if (i % 5 == 2) sent.bytes[i][20 + prng_next(&prng) % (sent.sizes[i] + tag)] ^= 4;
      if (i % 5 == 3) sent.bytes[i][prng_next(&prng) % 20] ^= 4; /* the header */
    }
    if (phase > 0) { /* the first packet of a phase goes the serial way, and changes the keys */
      uint8_t first[PAYLOAD_BYTES_MAX + 16];
      server->ops->forget_keys(server->state);
      CU_ASSERT_EQUAL(server->ops->open(server->state, LEVEL_DATA, phase & 1, 1000, sent.bytes[0], 20,
                                        sent.bytes[0] + 20, sent.sizes[0] + tag, first),
                      0);
    }
    crew_run(crew, PACKETS, 2, open_job, &sent);
    for (size_t i = 0; i < PACKETS; i++) {
      bool is_whole = i % 5 != 2 && (i % 5 != 3 || suite == 0);
      missed += (sent.errors[i] == 0) != is_whole;
      taken += sent.errors[i] == 0;
    }
    CU_ASSERT_EQUAL(differ, 0);
    CU_ASSERT_EQUAL(missed, 0);
    CU_ASSERT_EQUAL(taken, PACKETS - 2 * (PACKETS / 5));
  }
  for (int end = 0; end < 2; end++)
    ends[end].ops->free(ends[end].state);
}

static void every_suite_in_every_phase(void) {
  static const enum protection_suite suites[] = {PROTECT_AEAD, PROTECT_MAC, PROTECT_CHECKSUM};
  struct crew *crew = crew_new(LANES);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
  for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
    check_suite(crew, suites[i], 3);
  crew_free(crew);
}

/* ---- connections ---- */

static void check_flow(const struct flow *done) {
  CU_ASSERT_EQUAL(done->acked, BLOCKS);
  CU_ASSERT_EQUAL(done->received, BLOCKS);
  CU_ASSERT_EQUAL(done->wrong, 0);
  const struct conn_stats *client = &done->conns[CLIENT]->stats, *server = &done->conns[SERVER]->stats;
  CU_ASSERT_EQUAL(client->packets_refused + server->packets_refused, done->damaged + done->forged);
  CU_ASSERT(client->packets_duplicate + server->packets_duplicate >= done->repeated);
  conn_check(done->conns[CLIENT]);
  conn_check(done->conns[SERVER]);
}

/* Without keys that are random, two runs are the same to the bit. */
static void a_crew_changes_nothing(void) {
  static const unsigned damages[] = {0, 20};
  struct crew *crew = crew_new(LANES);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
  for (int i = 0; i < 2; i++) {
    flow_init(&flow, PROTECT_CHECKSUM, NULL, 400);
    flow_init(&other, PROTECT_CHECKSUM, crew, 400);
    flow.damage = other.damage = damages[i];
    flow_run(&flow, BLOCKS, 60 * NS_PER_S);
    flow_run(&other, BLOCKS, 60 * NS_PER_S);
    check_flow(&flow);
    check_flow(&other);
    CU_ASSERT_EQUAL(flow.divided, 0);
    CU_ASSERT(other.divided > 8000); /* 4,300 packets, sealed and opened */
    CU_ASSERT_EQUAL(flow.digest, other.digest);
    CU_ASSERT_EQUAL(flow.now_ns, other.now_ns);
    for (int end = 0; end < 2; end++)
      CU_ASSERT_EQUAL(memcmp(&flow.conns[end]->stats, &other.conns[end]->stats, sizeof(struct conn_stats)),
                      0);
    flow_free(&flow);
    flow_free(&other);
  }
  crew_free(crew);
}

static void flow_with_keys(enum protection_suite suite) {
  struct crew *crew = crew_new(LANES);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
  flow_init(&flow, suite, crew, 100);
  flow.damage = 30;
  /* A part at a time: keys are renewed no oftener than once a second. */
  for (unsigned blocks = BLOCKS / 6; blocks <= BLOCKS; blocks += BLOCKS / 6) {
    flow_run(&flow, blocks, 10 * NS_PER_S);
    flow.now_ns += 1100 * NS_PER_MS;
  }
  check_flow(&flow);
  CU_ASSERT(flow.divided > 8000);
  CU_ASSERT(flow.damaged > 50 && flow.forged > 50 && flow.repeated > 50);
  struct conn *client = flow.conns[CLIENT];
  CU_ASSERT(client->crypto.ops->send_phase(client->crypto.state) >= 4);
  flow_free(&flow);
  crew_free(crew);
}

static void aead_with_new_keys_and_forgeries(void) { flow_with_keys(PROTECT_AEAD); }
static void mac_with_new_keys_and_forgeries(void) { flow_with_keys(PROTECT_MAC); }

/* ---- what is left alone ---- */

static void only_what_fits_is_opened_ahead(void) {
  struct crew *crew = crew_new(2);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
  flow_init(&flow, PROTECT_CHECKSUM, crew, 0);
  struct conn *server = flow.conns[SERVER];
  flow_take(&flow, CLIENT); /* a first packet has a long header */
  openings_add(&flow.openings, &flow_addresses[CLIENT], flow.bytes[0], flow.sizes[0], flow_find, &flow);
  CU_ASSERT_PTR_NULL(flow.openings.packets[0].conn);
  flow_give(&flow, SERVER);
  flow_run(&flow, 5, NS_PER_S);
  CU_ASSERT_EQUAL(flow.acked, 5);
  CU_ASSERT_EQUAL(conn_send_block(flow.conns[CLIENT], flow_block, FLOW_BLOCK_BYTES, NULL), 0);
  flow_take(&flow, CLIENT);
  CU_ASSERT_FATAL(flow.count > 10);
  openings_clear(&flow.openings);
  flow.bytes[1][0] ^= 0x20; /* of the next phase */
  flow.bytes[2][1] ^= 1;    /* for somebody else */
  openings_add(&flow.openings, &flow_addresses[CLIENT], flow.bytes[0], flow.sizes[0], flow_find, &flow);
  openings_add(&flow.openings, &flow_addresses[CLIENT], flow.bytes[1], flow.sizes[1], flow_find, &flow);
  openings_add(&flow.openings, &flow_addresses[CLIENT], flow.bytes[2], flow.sizes[2], flow_find, &flow);
  openings_add(&flow.openings, &flow_addresses[CLIENT], flow.bytes[3], 12, flow_find, &flow); /* too short */
  CU_ASSERT_PTR_EQUAL(flow.openings.packets[0].conn, server);
  for (size_t i = 1; i < 4; i++)
    CU_ASSERT_PTR_NULL(flow.openings.packets[i].conn);
  /* Asked for the bytes of another datagram it gives nothing. */
  openings_take(&flow.openings, 0);
  CU_ASSERT_PTR_EQUAL(conn_opened_ahead(server, flow.bytes[0]), &flow.openings.packets[0]);
  CU_ASSERT_PTR_NULL(conn_opened_ahead(server, flow.bytes[4]));
  CU_ASSERT_PTR_NULL(conn_opened_ahead(flow.conns[CLIENT], flow.bytes[0]));
  openings_take(&flow.openings, 4);
  CU_ASSERT_PTR_NULL(conn_opened_ahead(server, flow.bytes[4]));
  flow_free(&flow);
  crew_free(crew);
}

/* With no room left a packet is sealed at once. */
static void a_full_queue_seals_at_once(void) {
  struct crew *crew = crew_new(2);
  CU_ASSERT_PTR_NOT_NULL_FATAL(crew);
  flow_init(&flow, PROTECT_AEAD, crew, 0);
  flow_run(&flow, 5, NS_PER_S);
  CU_ASSERT_EQUAL(flow.acked, 5);
  struct conn *client = flow.conns[CLIENT];
  struct address to;
  CU_ASSERT_EQUAL(conn_send_block(client, flow_block, FLOW_BLOCK_BYTES, NULL), 0);
  conn_seal_later(client, &flow.seals);
  flow.seals.count = SEALS_MAX;
  flow.sizes[0] = conn_next_datagram(client, flow.now_ns, flow.bytes[0], DATAGRAM_BYTES_IPV4, &to);
  CU_ASSERT(flow.sizes[0] > 0);
  CU_ASSERT_EQUAL(flow.seals.count, SEALS_MAX);
  flow.seals.count = flow.seals.bytes = 0;
  conn_seal_later(client, NULL);
  conn_on_datagram(flow.conns[SERVER], flow.now_ns, &flow_addresses[CLIENT], flow.bytes[0], flow.sizes[0]);
  CU_ASSERT_EQUAL(flow.conns[SERVER]->stats.packets_refused, 0);
  flow_free(&flow);
  crew_free(crew);
}

UNIT_MAIN(UNIT_CASE(every_suite_in_every_phase), UNIT_CASE(a_crew_changes_nothing),
          UNIT_CASE(aead_with_new_keys_and_forgeries), UNIT_CASE(mac_with_new_keys_and_forgeries),
          UNIT_CASE(only_what_fits_is_opened_ahead), UNIT_CASE(a_full_queue_seals_at_once))
