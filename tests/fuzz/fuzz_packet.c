/* Any bytes as a datagram: the header, and what follows it as frames. What can be read is written again and
 * must then be read the same; nothing may lie outside of the input. */
#include "udpcp/wire.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { FRAME_BYTES_MAX = 1 << 17 };

static void check_frames(const uint8_t *bytes, size_t size) {
  static uint8_t written[FRAME_BYTES_MAX];
  struct reader reader;
  struct frame frame, again;
  reader_init(&reader, bytes, size);
  while (reader_left(&reader) > 0 && frame_read(&frame, &reader) == 0) {
    char text[256];
    frame_describe(&frame, text, sizeof(text));
    size_t frame_bytes = frame_size(&frame);
    if (frame_bytes > sizeof(written)) return;
    struct writer writer;
    writer_init(&writer, written, frame_bytes);
    frame_write(&frame, &writer);
    assert(!writer.failed && writer_used(&writer) == frame_bytes);
    struct reader back;
    reader_init(&back, written, frame_bytes);
    int error = frame_read(&again, &back);
    assert(!error && reader_left(&back) == 0 && again.type == frame.type);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct packet packet;
  struct params params;
  if (packet_read(&packet, bytes, size) == 0) {
    assert(packet.header_size <= size && packet.payload_size <= size - packet.header_size);
    char text[256];
    packet_describe(&packet, text, sizeof(text));
    check_frames(bytes + packet.header_size, packet.payload_size);
  }
  check_frames(bytes, size);
  if (params_read(&params, bytes, size) == 0) assert(params.datagram_bytes_max >= DATAGRAM_BYTES_MIN);
  return 0;
}
