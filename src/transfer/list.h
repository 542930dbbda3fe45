/* list: queues of objects, linked through the objects themselves, so that an object can leave any queue in
 * one step and stands in one at most: the one that its state says. */
#ifndef TRANSFER_LIST_H
#define TRANSFER_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* The first member of what is queued, and the head of a queue, which is a ring. */
struct link {
  struct link *previous, *next;
};

/* An empty queue, or an element in no queue. */
static inline void link_init(struct link *link) { link->previous = link->next = link; }

static inline bool link_is_queued(const struct link *link) { return link->next != link; }

static inline void link_remove(struct link *link) {
  link->previous->next = link->next;
  link->next->previous = link->previous;
  link_init(link);
}

/* Moves an element to the end of a queue. */
static inline void link_move(struct link *link, struct link *queue) {
  link_remove(link);
  link->previous = queue->previous;
  link->next = queue;
  queue->previous->next = link;
  queue->previous = link;
}

/* The first element, as a pointer to whatever it is; NULL when there is none. */
static inline void *queue_first(const struct link *queue) {
  return queue->next == queue ? NULL : queue->next;
}

#endif
