/* channel: see the header. Messages are gathered here before the connection gets them, so that a tree's
 * thousands of short ones cost few calls, and a message that finds no room is never sent in half. */
#include "channel.h"

#include <assert.h>
#include <string.h>

void channel_init(struct channel *channel, struct conn *conn) {
  channel->conn = conn;
  channel->in_at = channel->in_end = channel->out_at = channel->out_end = 0;
}

/* More bytes behind those that wait; false when there are none. */
static bool fill(struct channel *channel) {
  if (channel->in_at > 0) {
    memmove(channel->in, channel->in + channel->in_at, channel->in_end - channel->in_at);
    channel->in_end -= channel->in_at;
    channel->in_at = 0;
  }
  assert(channel->in_end < sizeof(channel->in) && "a message that is not whole is shorter than the buffer");
  size_t taken =
      conn_read(channel->conn, channel->in + channel->in_end, sizeof(channel->in) - channel->in_end);
  channel->in_end += taken;
  return taken > 0;
}

int channel_next(struct channel *channel, struct message *message) {
  for (;;) {
    struct reader reader;
    reader_init(&reader, channel->in + channel->in_at, channel->in_end - channel->in_at);
    int error = message_read(message, &reader);
    if (error == ERR_AGAIN) {
      if (!fill(channel)) return 0;
      continue;
    }
    if (error < 0) return error;
    channel->in_at = (size_t)(reader.at - channel->in);
    if (message_is_known(message->type)) return 1;
    if (message->type % 2 == 1) return ERR_UNSUPPORTED;
  }
}

bool channel_flush(struct channel *channel) {
  if (channel->out_at < channel->out_end)
    channel->out_at +=
        conn_write(channel->conn, channel->out + channel->out_at, channel->out_end - channel->out_at);
  if (channel->out_at == channel->out_end) channel->out_at = channel->out_end = 0;
  return channel->out_end == 0;
}

bool channel_send(struct channel *channel, const struct message *message) {
  for (bool flushed = false;; flushed = true) {
    struct writer writer;
    writer_init(&writer, channel->out + channel->out_end, sizeof(channel->out) - channel->out_end);
    message_write(message, &writer);
    if (!writer.failed) {
      channel->out_end += writer_used(&writer);
      return true;
    }
    if (flushed) return false;
    channel_flush(channel);
  }
}
