/* mtu_probe: finds the datagram size the path carries (RFC 8899, proto/transport.md section 7).
 *
 * Starts at DATAGRAM_BYTES_MIN, tries the cap first, then halves the interval; falls back to the base when
 * full-size packets vanish while smaller ones arrive (a black hole), and tries again later. Probes are
 * packets of their own whose loss says nothing about congestion. */
#ifndef TRANSPORT_MTU_PROBE_H
#define TRANSPORT_MTU_PROBE_H

#include "udpcp/base.h"

enum {
  MTU_PROBE_TRIES = 3,      /* losses of one size before it is believed not to pass */
  MTU_PROBE_PRECISION = 8,  /* the search ends when at most this many bytes are left to win */
  MTU_BLACK_HOLE_SIGNS = 3, /* see signs */
  /* So many larger ones missing right before a small one that arrived are a black hole: behind a probe
   * timeout, and at any time. */
  MTU_MISSING_PROBED = 3,
  MTU_MISSING = 16,
};
#define MTU_RAISE_NS_MIN (10 * NS_PER_S)
#define MTU_RAISE_NS_MAX (60 * NS_PER_S)

struct mtu_probe {
  size_t base;       /* taken to pass, without proof */
  size_t current;    /* known to pass */
  size_t ceiling;    /* never probe above */
  size_t too_big;    /* smallest size believed not to pass; ceiling + 1 at first */
  size_t probe;      /* size under way, 0: none */
  uint32_t attempts; /* losses of `probe` so far */
  uint32_t
      signs; /* of a black hole: how often, in a row, a large packet was lost after a smaller one arrived */
  size_t suspect;      /* the smallest packet so lost; one of that size that arrives takes all signs back */
  size_t passed;       /* the packet acknowledged last since the last sign, 0: none */
  uint64_t next_at_ns; /* when a search starts again */
  uint64_t raise_ns;   /* how long the next wait for that will be */
  bool enabled;
};

void mtu_probe_init(struct mtu_probe *mtu, size_t base, size_t ceiling);
/* The path is established: searching may begin. */
void mtu_probe_enable(struct mtu_probe *mtu, uint64_t now_ns);
/* When the next probe may be sent; TIME_NEVER when none is wanted or one is under way. */
uint64_t mtu_probe_deadline(const struct mtu_probe *mtu);
/* Size of the probe to send now, 0 for none. */
size_t mtu_probe_next(const struct mtu_probe *mtu, uint64_t now_ns);
void mtu_probe_on_sent(struct mtu_probe *mtu, size_t size);
/* The probe packet of that size arrived / was lost / was refused by the socket. True when `current` changed.
 */
bool mtu_probe_on_acked(struct mtu_probe *mtu, uint64_t now_ns, size_t size);
bool mtu_probe_on_lost(struct mtu_probe *mtu, uint64_t now_ns, size_t size);
bool mtu_probe_on_too_big(struct mtu_probe *mtu, uint64_t now_ns, size_t size);
/* An ordinary packet of `size` bytes arrived or was lost: black-hole detection. Lost: true when `current`
 * fell. */
void mtu_probe_on_packet_acked(struct mtu_probe *mtu, size_t size);
/* A packet of the base's size arrived, and of many sent right before it, all larger, none did; the smallest
 * of those had `size` bytes. True when `current` changed. */
bool mtu_probe_on_black_hole(struct mtu_probe *mtu, uint64_t now_ns, size_t size);
bool mtu_probe_on_packet_lost(struct mtu_probe *mtu, uint64_t now_ns, size_t size);

#endif
