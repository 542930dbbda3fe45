/* nap: when the loop is to let datagrams gather before it looks at the socket again.
 *
 * Where neither the card nor the kernel joins datagrams, each one wakes the loop, and being woken costs more
 * than taking it - on both sides, because on one machine the sender's system call does the waking. So while
 * many come, and come singly, whoever has read the socket empty stays away from it for a moment, as network
 * cards do with their interrupts. Pure arithmetic: the caller brings clock and counts. */
#ifndef CLI_NAP_H
#define CLI_NAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nap {
  uint64_t since_ns; /* of what is counted: */
  uint64_t bytes, datagrams, trains;
  bool is_on;
};

/* So many datagrams were received, of so many bytes in all, in so many trains. */
void nap_on_received(struct nap *nap, size_t bytes, size_t datagrams, size_t trains);
/* How long to stay away from a socket that was read empty, when the next deadline is that one. */
uint64_t nap_ns(struct nap *nap, uint64_t now_ns, uint64_t deadline_ns);

#endif
