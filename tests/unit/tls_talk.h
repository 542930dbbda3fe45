/* tls_talk: lets the ends of a tls_pair talk over their link: blocks and control bytes both ways, each
 * compared with what was sent, while simulated time goes from one event to the next. Include after
 * tls_pair.h. */
#ifndef TLS_TALK_H
#define TLS_TALK_H

/* ---- the link ---- */

static inline void tls_pair_keep(struct tls_pair *pair, int to, const struct address *other,
                                 const uint8_t *bytes, size_t size) {
  CU_ASSERT_FATAL(pair->kept_count < KEPT_MAX && size <= DATAGRAM_BYTES_IPV4);
  struct kept *kept = &pair->kept[pair->kept_count++];
  kept->at_ns = pair->now_ns + (pair->delay_ns > 0 ? pair->delay_ns : 2 * NS_PER_MS);
  kept->size = (uint32_t)size;
  kept->to = (uint8_t)to;
  kept->other = *other;
  memcpy(kept->bytes, bytes, size);
}

/* Gives an end a copy, allocated to the byte, as it is opened in place. A server's stateless answer goes on
 * the link; its size is returned. */
static inline size_t tls_pair_hand(struct tls_pair *pair, int to, const struct address *other,
                                   const uint8_t *bytes, size_t size) {
  uint8_t *copy = malloc(size ? size : 1), reply[DATAGRAM_BYTES_MIN];
  size_t reply_size = 0;
  bool is_new;
  CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
  memcpy(copy, bytes, size);
  if (to == CLIENT) {
    conn_on_datagram(pair->conns[CLIENT], pair->now_ns, &tls_pair_server, copy, size);
  } else {
    struct conn *conn =
        listener_on_datagram(pair->listener, pair->now_ns, other, copy, size, &is_new, reply, &reply_size);
    if (is_new) {
      CU_ASSERT_FATAL(pair->accepted_count < ACCEPTED_MAX);
      pair->accepted[pair->accepted_count++] = conn;
      if (!pair->conns[SERVER]) pair->conns[SERVER] = conn;
    }
    if (reply_size > 0) tls_pair_keep(pair, CLIENT, other, reply, reply_size);
  }
  free(copy);
  return reply_size;
}

/* ---- talk ---- */

static inline size_t talk_block_size(unsigned index) {
  static const size_t sizes[] = {40, 700, 1200, 5000, BLOCK_BYTES};
  return sizes[index % 5];
}

static inline uint8_t talk_byte(int from, size_t at) { return (uint8_t)(at * 31 + at / 251 + 7 * from + 1); }

/* Block `index` as `from` sends it. */
static inline const uint8_t *talk_block(int from, unsigned index) {
  static uint8_t blocks[2][BLOCKS_EACH][BLOCK_BYTES];
  uint8_t *block = blocks[from][index];
  block[0] = (uint8_t)index;
  for (size_t at = 1; at < talk_block_size(index); at++)
    block[at] = talk_byte(from, at + 997 * index);
  return block;
}

static inline void talk_on_block(struct tls_pair *pair, int end, const uint8_t *bytes, size_t size) {
  struct traffic *traffic = &pair->traffic[end];
  unsigned index = bytes[0];
  if (index >= BLOCKS_EACH || size != talk_block_size(index) ||
      memcmp(bytes, talk_block(!end, index), size) != 0)
    traffic->wrong++;
  else
    traffic->received[index]++;
}

static inline void talk_on_control(struct tls_pair *pair, int end, struct conn *conn) {
  struct traffic *traffic = &pair->traffic[end];
  uint8_t bytes[512];
  size_t size;
  while ((size = conn_read(conn, bytes, sizeof(bytes))) > 0)
    for (size_t at = 0; at < size; at++)
      traffic->wrong += bytes[at] != talk_byte(!end, traffic->heard++);
}

static inline void talk_events(struct tls_pair *pair, int end, struct conn *conn) {
  struct conn_event event;
  while (conn_next_event(conn, &event)) {
    struct traffic *traffic = &pair->traffic[end];
    if (event.type == CONN_EVENT_ESTABLISHED) {
      traffic->established++;
      pair->conns[end] = conn;
    } else if (event.type == CONN_EVENT_CONTROL) {
      talk_on_control(pair, end, conn);
    } else if (event.type == CONN_EVENT_BLOCK_RECEIVED) {
      talk_on_block(pair, end, event.block.bytes, event.block.size);
      conn_release_block(conn, event.block.bytes, event.block.size_class);
    } else if (event.type == CONN_EVENT_BLOCK_ACKED) {
      traffic->acked++;
    } else if (conn == pair->conns[end]) {
      traffic->is_closed = true;
      traffic->closed = event;
    }
  }
}

static inline void talk_say(struct tls_pair *pair, int end) {
  struct traffic *traffic = &pair->traffic[end];
  struct conn *conn = pair->conns[end];
  if (!conn || traffic->established == 0 || conn->state != CONN_ESTABLISHED) return;
  while (traffic->sent < BLOCKS_EACH && pair->now_ns >= traffic->next_block_ns) {
    if (conn_send_block(conn, talk_block(end, traffic->sent), talk_block_size(traffic->sent), NULL) != 0)
      break;
    traffic->sent++;
    traffic->next_block_ns = pair->now_ns + pair->pause_ns;
  }
  uint8_t bytes[500];
  size_t size = TALK_BYTES - traffic->said < sizeof(bytes) ? TALK_BYTES - traffic->said : sizeof(bytes);
  for (size_t at = 0; at < size; at++)
    bytes[at] = talk_byte(end, traffic->said + at);
  traffic->said += conn_write(conn, bytes, size);
}

/* All arrived, once and as sent, and both senders know. */
static inline bool talk_is_done(const struct tls_pair *pair) {
  for (int end = 0; end < 2; end++) {
    const struct traffic *traffic = &pair->traffic[end];
    if (traffic->acked != BLOCKS_EACH || traffic->heard != TALK_BYTES || traffic->wrong > 0) return false;
    for (unsigned i = 0; i < BLOCKS_EACH; i++)
      if (traffic->received[i] != 1) return false;
  }
  return true;
}

static inline void talk_send(struct tls_pair *pair, int end, struct conn *conn) {
  uint8_t bytes[DATAGRAM_BYTES_IPV4];
  struct address to;
  size_t size;
  while ((size = conn_next_datagram(conn, pair->now_ns, bytes, sizeof(bytes), &to)) > 0)
    tls_pair_keep(pair, !end, end == CLIENT ? &pair->client_address : &to, bytes, size);
}

static inline void talk_arrive(struct tls_pair *pair) {
  while (pair->arrived < pair->kept_count && pair->kept[pair->arrived].at_ns <= pair->now_ns) {
    struct kept *kept = &pair->kept[pair->arrived++];
    if (pair->attack) pair->attack(pair, kept);
    if (kept->is_lost || (kept->to == CLIENT && !address_equal(&kept->other, &pair->client_address)))
      continue;
    tls_pair_hand(pair, kept->to, &kept->other, kept->bytes, kept->size);
  }
}

/* What one end does at this moment; moves *next_ns to when it wants to be asked again. */
static inline void talk_step(struct tls_pair *pair, int end, struct conn *conn, uint64_t *next_ns) {
  if (pair->now_ns >= conn_next_timeout(conn)) conn_on_timeout(conn, pair->now_ns);
  talk_events(pair, end, conn);
  if (conn == pair->conns[end]) talk_say(pair, end);
  talk_send(pair, end, conn);
  conn_check(conn);
  if (conn_next_timeout(conn) < *next_ns) *next_ns = conn_next_timeout(conn);
}

/* For so long, or until both ends have closed. */
static inline void talk_for(struct tls_pair *pair, uint64_t for_ns) {
  uint64_t until_ns = pair->now_ns + for_ns;
  while (pair->now_ns < until_ns && !(pair->traffic[CLIENT].is_closed && pair->traffic[SERVER].is_closed)) {
    uint64_t next_ns = until_ns;
    talk_arrive(pair);
    talk_step(pair, CLIENT, pair->conns[CLIENT], &next_ns);
    for (unsigned i = 0; i < pair->accepted_count; i++)
      talk_step(pair, SERVER, pair->accepted[i], &next_ns);
    for (int end = 0; end < 2; end++)
      if (pair->traffic[end].sent < BLOCKS_EACH && pair->traffic[end].next_block_ns > pair->now_ns &&
          pair->traffic[end].next_block_ns < next_ns)
        next_ns = pair->traffic[end].next_block_ns;
    if (pair->arrived < pair->kept_count && pair->kept[pair->arrived].at_ns < next_ns)
      next_ns = pair->kept[pair->arrived].at_ns;
    pair->now_ns = next_ns > pair->now_ns ? next_ns : pair->now_ns + 1;
  }
}

/* The whole transfer, and a close that both ends agree on; every claim asserted. */
static inline void talk_to_the_end(struct tls_pair *pair, uint64_t limit_ns) {
  uint64_t until_ns = pair->now_ns + limit_ns;
  while (!talk_is_done(pair) && pair->now_ns < until_ns && !pair->traffic[CLIENT].is_closed)
    talk_for(pair, 20 * NS_PER_MS);
  CU_ASSERT_TRUE(talk_is_done(pair));
  CU_ASSERT_EQUAL(pair->traffic[CLIENT].established, 1);
  CU_ASSERT_EQUAL(pair->traffic[SERVER].established, 1);
}

static inline void talk_close(struct tls_pair *pair) {
  conn_close(pair->conns[CLIENT], pair->now_ns, CLOSE_DONE, "");
  talk_for(pair, 5 * NS_PER_S);
  for (int end = 0; end < 2; end++) {
    CU_ASSERT_TRUE(pair->traffic[end].is_closed);
    CU_ASSERT_EQUAL(pair->traffic[end].closed.closed.code, CLOSE_DONE);
  }
  CU_ASSERT_TRUE(talk_is_done(pair));
}

#endif
