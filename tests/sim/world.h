/* world: one run. A listener on one side, clients on the other, a pair of lanes to each; time jumps to
 * whatever happens next. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "end.h"
#include "lane.h"
#include "ledger.h"
#include "scenario.h"
#include "schedule.h"
#include "udpcp/transport.h"
#include "verdict.h"

enum {
  SERVER_ENDS_MAX = 1024,
  STRAYS_MAX = 64,       /* addresses of strangers */
  AMPLIFICATION_MAX = 3, /* bytes to an address that has not shown that it receives */
};

/* What the server and one address have exchanged, by the world's own count. */
struct route {
  uint64_t bytes_in, bytes_out;
  bool has_heard; /* something the server sent there arrived */
  bool is_proven; /* something sent after that has come back */
};

struct client {
  struct end *end;        /* NULL before it begins */
  struct cid cid, chosen; /* the id it is reached by; that of the server's connection it sends data to */
  bool has_chosen;
  struct pool *pool;
  struct lane lane[WAYS];
  struct route route[LANE_GENERATIONS_MAX];
  unsigned generation; /* of its address */
  uint64_t old_until_ns;
  bool has_moved_early; /* before it was let in: such a handshake may fail (RFC 9000 section 9) */
  uint64_t awake_ns;    /* not before */
  struct ledger ledger[WAYS];
  struct tree *tree;   /* LAYER_TRANSFER */
  struct end *partner; /* the server's end that was established with it */
};

struct world {
  const struct scenario *scenario;
  struct verdict verdict;
  struct schedule schedule;
  struct prng prng;
  uint64_t now_ns, start_ns;
  uint64_t steps, still; /* all; those in a row at the same time */
  uint64_t datagrams[SIDES];
  bool trace;

  struct client client[CLIENTS_MAX];
  struct listener *listener;
  struct pool *server_pool;
  struct end *server_ends[SERVER_ENDS_MAX];
  unsigned server_end_count;
  bool is_dead[SIDES];
  uint64_t server_awake_ns;
  struct route stray_route[STRAYS_MAX];
  unsigned stray_count;
  uint64_t strays;         /* datagrams of theirs */
  struct hostile *hostile; /* NULL in a peaceful world */
  struct {
    struct pool *pool;
    uint8_t *bytes; /* never given back: FAULT_KEEP_BUFFER */
    unsigned size_class;
  } kept;
};

struct outcome_counts { /* what a run was like, for statistics */
  uint64_t datagrams, steps, lost, simulated_ns, bytes;
  uint64_t first_sent[WAYS]; /* datagrams of the first client's lanes */
};

/* Runs the scenario; the verdict tells whether every property held. */
void world_run(const struct scenario *scenario, bool trace, struct verdict *verdict,
               struct outcome_counts *counts);
/* An end has something to send: accounts for it and puts it on its lane. */
void world_send(struct world *world, struct end *end, const uint8_t *bytes, size_t size,
                const struct address *to);
/* The server's answer without a connection. */
void world_send_stateless(struct world *world, const uint8_t *bytes, size_t size, const struct address *to);
void world_plan(struct world *world, uint64_t delay_ns, void (*run)(void *subject, void *detail),
                void *subject, void *detail);
/* Something arrived at the server from that address. */
void world_on_server_datagram(struct world *world, const struct address *from, struct arrival *arrival);

/* address.c: addresses of clients and strangers */
struct address address_of_client(unsigned client, unsigned generation);
struct address address_of_server(void);
struct address address_of_stranger(unsigned stranger);
/* The client's number and its address's generation; false for anyone else's. */
bool address_to_client(const struct address *address, unsigned *client, unsigned *generation);

#endif
