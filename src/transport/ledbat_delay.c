/* ledbat_delay: base and current delay (RFC 6817 section 2.4.2 and 3.4, on round trips as LEDBAT++ has it).
 * The base is the least of ten one-minute minima, so that a longer route is believed after ten minutes; the
 * current delay is the least of four samples, so that one late acknowledgement is no queue. */
#include "transport/ledbat.h"

#define MINUTE_NS (60 * NS_PER_S)

static uint64_t least(const uint64_t *values, uint32_t count) {
  uint64_t least = UINT64_MAX;
  for (uint32_t i = 0; i < count; i++)
    if (values[i] < least) least = values[i];
  return least;
}

void ledbat_delay_init(struct ledbat_delay *delay, uint64_t now_ns) {
  *delay = (struct ledbat_delay){.minute_from_ns = now_ns};
  for (uint32_t i = 0; i < LEDBAT_BASE_MINUTES; i++)
    delay->base_ns[i] = UINT64_MAX;
  for (uint32_t i = 0; i < LEDBAT_CURRENT_SAMPLES; i++)
    delay->current_ns[i] = UINT64_MAX;
}

void ledbat_delay_on_sample(struct ledbat_delay *delay, uint64_t now_ns, uint64_t rtt_ns) {
  if (now_ns > delay->minute_from_ns + MINUTE_NS) { /* minutes in which nothing was sent do not count */
    delay->minute_from_ns = now_ns;
    delay->minute = (delay->minute + 1) % LEDBAT_BASE_MINUTES;
    delay->base_ns[delay->minute] = UINT64_MAX;
  }
  if (rtt_ns < delay->base_ns[delay->minute]) delay->base_ns[delay->minute] = rtt_ns;
  delay->current_ns[delay->sample] = rtt_ns;
  delay->sample = (delay->sample + 1) % LEDBAT_CURRENT_SAMPLES;
}

uint64_t ledbat_delay_base_ns(const struct ledbat_delay *delay) {
  return least(delay->base_ns, LEDBAT_BASE_MINUTES);
}

uint64_t ledbat_delay_queue_ns(const struct ledbat_delay *delay) {
  uint64_t current_ns = least(delay->current_ns, LEDBAT_CURRENT_SAMPLES);
  uint64_t base_ns = ledbat_delay_base_ns(delay);
  return current_ns > base_ns && current_ns != UINT64_MAX ? current_ns - base_ns : 0;
}
