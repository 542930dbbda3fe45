/* Any bytes as a control stream, and as a name. What can be read is written again and must then be read the
 * same. */
#include "transfer/message.h"
#include "udpcp/transfer.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct reader reader;
  struct message message, again;
  reader_init(&reader, bytes, size);
  while (reader_left(&reader) > 0 && message_read(&message, &reader) == 0) {
    if (!message_is_known(message.type)) continue;
    uint8_t written[MESSAGE_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, written, sizeof(written));
    message_write(&message, &writer);
    assert(!writer.failed && "what was read fits what can be written");
    struct reader back;
    reader_init(&back, written, writer_used(&writer));
    int error = message_read(&again, &back);
    assert(!error && reader_left(&back) == 0 && again.type == message.type);
  }
  if (name_check(bytes, size) == 0) {
    assert(size > 0 && size <= NAME_BYTES_MAX && bytes[0] != '/' && bytes[size - 1] != '/');
    for (size_t i = 0; i < size; i++)
      assert(bytes[i] != 0);
  }
  return 0;
}
