/* Reading IP packets as far as the emulator must: where the UDP or TCP payload is, and damage with a right
 * checksum. */
#ifndef NETLAB_PACKET_H
#define NETLAB_PACKET_H

#include <stddef.h>
#include <stdint.h>

enum packet_protocol { PACKET_OTHER, PACKET_UDP, PACKET_TCP };

struct packet_view {
  enum packet_protocol protocol; /* PACKET_OTHER also for a fragment that does not begin the datagram */
  uint8_t ip_version;            /* 4, 6, or 0 when this is no IP packet */
  uint8_t is_fragment;           /* any part of a datagram that IP has cut */
  size_t transport_offset;       /* of the UDP or TCP header */
  size_t payload_offset;
  size_t payload_bytes;     /* present in this packet */
  size_t udp_payload_bytes; /* of the whole datagram, as its UDP header says; 0 for others */
};

/* Never reads beyond `bytes`; whatever is malformed becomes PACKET_OTHER. */
void packet_parse(struct packet_view *view, const uint8_t *data, size_t bytes);

/* The ECN field (RFC 3168 section 5). */
enum { ECN_FIELD_NONE, ECN_FIELD_ECT1, ECN_FIELD_ECT0, ECN_FIELD_CE };

/* The ECN field of an IP packet; ECN_FIELD_NONE for whatever is malformed. */
unsigned packet_ecn(const uint8_t *data, size_t bytes);

/* Writes the ECN field and mends the header's checksum as below; nothing where there is none. */
void packet_set_ecn(uint8_t *data, size_t bytes, unsigned ecn);

/*
 * Flips the bit of the UDP or TCP payload chosen by `random` and mends the checksum by the difference (RFC
 * 1624), so that the damage passes the kernel of the receiver. Returns 1, or 0 when there is no payload to
 * damage.
 */
int packet_corrupt(uint8_t *data, size_t bytes, uint64_t random);

#endif
