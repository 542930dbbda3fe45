/* bind: joins layers that do not know each other: real files to the transfer's tables, and the transfer's two
 * ends to the one shape the pump drives. */
#ifndef CLI_BIND_H
#define CLI_BIND_H

#include "udpcp/transfer.h"

/* The source is a struct source. */
extern const struct source_ops bind_source_ops;
/* The sink is a struct sink. */
extern const struct sink_ops bind_sink_ops;

/* A sender or a receiver; each member as in udpcp/transfer.h. */
struct role {
  void (*on_event)(void *state, uint64_t now_ns, const struct conn_event *event);
  void (*step)(void *state, uint64_t now_ns);
  struct job *(*next_job)(void *state);
  void (*on_job)(void *state, uint64_t now_ns, struct job *job);
  bool (*next_report)(void *state, struct report *report);
  void (*get_progress)(const void *state, struct progress *progress);
  void (*on_wake)(void *state, uint64_t now_ns, const struct turn *turn);
  void (*on_rest)(void *state);
  void (*on_absence)(void *state, uint64_t now_ns, uint64_t absent_ns);
  void (*get_held_up)(const void *state, struct held_up *held);
  uint64_t (*next_timeout)(const void *state);
  size_t (*jobs_out)(const void *state);
  void (*free)(void *state);
};
extern const struct role bind_sender, bind_receiver;

#endif
