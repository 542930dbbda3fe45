/* Who got how much, see flows.h. There are only two hosts, so ports tell flows apart; a few flows are
 * searched from the front faster than a table of hashes would be. */
#include "flows.h"

static uint16_t load16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static struct flow *find(struct flows *flows, enum packet_protocol protocol, uint16_t from, uint16_t to) {
  struct flow *flow = flows->flow;

  for (; flow < flows->flow + flows->count; flow++)
    if (flow->protocol == protocol && flow->from_port == from && flow->to_port == to) return flow;
  if (protocol == PACKET_OTHER || flows->count == FLOWS_MAX) return &flows->flow[FLOWS_MAX];
  flows->count++;
  *flow = (struct flow){.protocol = protocol, .from_port = from, .to_port = to};
  return flow;
}

void flows_count(struct flows *flows, const uint8_t *data, size_t bytes, uint64_t now_ns) {
  struct packet_view view;
  const uint8_t *ports;
  struct flow *flow;

  packet_parse(&view, data, bytes);
  ports = data + view.transport_offset;
  flow = view.protocol == PACKET_OTHER ? find(flows, PACKET_OTHER, 0, 0)
                                       : find(flows, view.protocol, load16(ports), load16(ports + 2));
  if (flow->packets++ == 0) flow->first_ns = now_ns;
  flow->last_ns = now_ns;
  flow->payload_bytes += view.payload_bytes;
}
