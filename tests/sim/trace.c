/* trace: see trace.h. The plain handshake protects nothing from reading, so frames can be shown as they are.
 */
#include "trace.h"

#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { TEXT_BYTES = 512, CHECKSUM_BYTES = 8 };

static void print_time(const struct world *world) {
  uint64_t at_ns = world->now_ns - world->start_ns;
  printf("%14.9f  ", (double)at_ns / (double)NS_PER_S);
}

static void print_frames(const uint8_t *payload, size_t size) {
  struct reader reader;
  reader_init(&reader, payload, size);
  struct frame frame;
  while (reader_left(&reader) > 0 && frame_read(&frame, &reader) == 0) {
    char text[TEXT_BYTES];
    frame_describe(&frame, text, sizeof(text));
    printf("; %s", text);
  }
}

void trace_datagram(const struct world *world, enum way way, unsigned client, const uint8_t *bytes,
                    size_t size, const char *fate) {
  if (!world->trace) return;
  print_time(world);
  printf("%u %s %5zu%s  ", client, way == UP ? "->" : "<-", size, fate);
  struct packet packet;
  if (packet_read(&packet, bytes, size) != 0) {
    printf("malformed\n");
    return;
  }
  char text[TEXT_BYTES];
  packet_describe(&packet, text, sizeof(text));
  printf("%s", text);
  bool has_frames =
      packet.type != PACKET_BLOCK && packet.type != PACKET_RETRY && packet.type != PACKET_VERSIONS;
  if (packet.header_size > 0 && has_frames && packet.payload_size >= CHECKSUM_BYTES)
    print_frames(bytes + packet.header_size, packet.payload_size - CHECKSUM_BYTES);
  printf("\n");
}

void trace_event(const struct end *end, const struct conn_event *event) {
  static const char *const names[] = {"ESTABLISHED", "CONTROL", "BLOCK_RECEIVED", "BLOCK_ACKED", "CLOSED"};
  if (!end->world->trace) return;
  print_time(end->world);
  printf("%u %s %s", end->client, end->side == CLIENT ? "client" : "server", names[event->type]);
  if (event->type == CONN_EVENT_BLOCK_RECEIVED) printf(" size=%zu", event->block.size);
  if (event->type == CONN_EVENT_CLOSED)
    printf(" by %s code=%" PRIu64 " \"%s\"", closed_by_text(event->closed.by), event->closed.code,
           event->closed.reason);
  printf("\n");
}

void trace_note(const struct world *world, const char *format, ...) {
  if (!world->trace) return;
  print_time(world);
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
}
