/* Who got how much through the emulated link: packets are told apart by protocol and ports, the payload alone
 * counts, and a table that is full loses nothing. */
#include "netlab/flows.h"
#include "unit.h"

#include <string.h>

enum { UDP = 17, TCP = 6, ICMP = 1, ROOM = 1500, MS = 1000000 };

static struct flows flows;

static void pass(unsigned protocol, unsigned from, unsigned to, size_t payload_bytes, uint64_t now_ns) {
  size_t header_bytes = protocol == UDP ? 8 : 20, bytes = 20 + header_bytes + payload_bytes;
  uint8_t data[ROOM] = {0x45, 0, (uint8_t)(bytes >> 8), (uint8_t)bytes, [9] = (uint8_t)protocol};

  data[20] = (uint8_t)(from >> 8);
  data[21] = (uint8_t)from;
  data[22] = (uint8_t)(to >> 8);
  data[23] = (uint8_t)to;
  if (protocol == TCP) data[32] = 0x50; /* a header of 20 bytes */
  flows_count(&flows, data, bytes, now_ns);
}

static void tells_flows_apart(void) {
  memset(&flows, 0, sizeof(flows));
  pass(UDP, 40000, 4117, 1000, 5 * MS);
  pass(TCP, 40000, 4117, 100, 6 * MS);
  pass(UDP, 40000, 4118, 10, 7 * MS);
  pass(UDP, 4117, 40000, 1, 8 * MS);
  pass(UDP, 40000, 4117, 1000, 9 * MS);
  CU_ASSERT_EQUAL_FATAL(flows.count, 4);
  CU_ASSERT_EQUAL(flows.flow[0].protocol, PACKET_UDP);
  CU_ASSERT_EQUAL(flows.flow[0].from_port, 40000);
  CU_ASSERT_EQUAL(flows.flow[0].to_port, 4117);
  CU_ASSERT_EQUAL(flows.flow[0].packets, 2);
  CU_ASSERT_EQUAL(flows.flow[0].payload_bytes, 2000);
  CU_ASSERT_EQUAL(flows.flow[0].first_ns, 5 * MS);
  CU_ASSERT_EQUAL(flows.flow[0].last_ns, 9 * MS);
  CU_ASSERT_EQUAL(flows.flow[1].protocol, PACKET_TCP);
  CU_ASSERT_EQUAL(flows.flow[1].payload_bytes, 100);
  CU_ASSERT_EQUAL(flows.flow[2].payload_bytes, 10);
  CU_ASSERT_EQUAL(flows.flow[3].from_port, 4117);
  CU_ASSERT_EQUAL(flows.flow[3].payload_bytes, 1);
}

static void counts_what_has_no_ports(void) {
  memset(&flows, 0, sizeof(flows));
  pass(ICMP, 1, 2, 100, MS);
  pass(ICMP, 3, 4, 100, 2 * MS);
  CU_ASSERT_EQUAL(flows.count, 0);
  CU_ASSERT_EQUAL(flows.flow[FLOWS_MAX].packets, 2);
  CU_ASSERT_EQUAL(flows.flow[FLOWS_MAX].first_ns, MS);
}

static void a_full_table_loses_nothing(void) {
  uint64_t packets = 0;
  size_t i;

  memset(&flows, 0, sizeof(flows));
  for (i = 0; i < 2 * FLOWS_MAX; i++) {
    pass(UDP, (unsigned)(1000 + i), 4117, 10, i * MS);
    pass(UDP, 1000, 4117, 10, i * MS);
  }
  CU_ASSERT_EQUAL(flows.count, FLOWS_MAX);
  CU_ASSERT_EQUAL(flows.flow[0].packets, 2 * FLOWS_MAX + 1);
  CU_ASSERT_EQUAL(flows.flow[FLOWS_MAX].packets, FLOWS_MAX);
  CU_ASSERT_EQUAL(flows.flow[FLOWS_MAX].payload_bytes, FLOWS_MAX * 10);
  for (i = 0; i <= FLOWS_MAX; i++)
    packets += flows.flow[i].packets;
  CU_ASSERT_EQUAL(packets, 4 * FLOWS_MAX);
}

UNIT_MAIN(UNIT_CASE(tells_flows_apart), UNIT_CASE(counts_what_has_no_ports),
          UNIT_CASE(a_full_table_loses_nothing))
